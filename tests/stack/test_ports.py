"""Ports: moved by the offset, and named with their owner when busy."""

import os
import socket
import threading

import pytest

from holo.stack import preflight
from holo.stack.errors import StackError
from holo.stack.ports import LOOPBACK, answers, free_port, is_busy, is_listened_on, owner_of, ports_at
from holo.stack.preflight import check_ports

pytestmark = pytest.mark.pure


def test_offset_moves_every_port() -> None:
    base, moved = ports_at(0), ports_at(100)
    for name in base.__slots__:
        assert getattr(moved, name) == getattr(base, name) + 100


@pytest.mark.parametrize("offset", [-1, 16001])
def test_offset_out_of_range_is_refused(offset: int) -> None:
    with pytest.raises(StackError, match=r"PORT_OFFSET=.* is out of range; the largest is 16000"):
        ports_at(offset)


def test_busy_port_names_its_owner() -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        port = server.getsockname()[1]
        assert is_busy(port)
        assert answers(port)
        with pytest.raises(StackError, match=rf"port {port} \(web\) is busy: pid {os.getpid()} \("):
            check_ports({"web": port}, patience=0, say=print)


def test_port_that_a_clients_end_holds_is_waited_for_and_then_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "_CLIENT_LINGERS", 1.2)
    said: list[str] = []
    with (
        socket.create_server((LOOPBACK, 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        port = client.getsockname()[1]
        assert is_busy(port)
        assert not is_listened_on(port)
        with pytest.raises(StackError, match=rf"port {port} \(web\) is busy: pid {os.getpid()} \("):
            check_ports({"web": port}, patience=0, say=said.append)
    assert said == [f"port {port} (web) is not free yet, waiting"]


def test_port_that_frees_up_soon_is_waited_for() -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        port = server.getsockname()[1]
        closing = threading.Timer(0.3, server.close)
        closing.start()
        check_ports({"web": port}, patience=5, say=print)
        closing.join()
    assert not is_busy(port)


def test_free_port_is_not_busy_and_has_no_owner() -> None:
    port = free_port()
    assert not is_busy(port)
    assert not answers(port)
    assert owner_of(port) is None
    check_ports({"web": port}, patience=0, say=print)
