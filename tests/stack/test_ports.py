"""Ports: moved by the offset, and named with their owner when busy."""

import os
import socket
import time

import pytest

from holo.stack.errors import StackError
from holo.stack.ports import LOOPBACK, answers, free_port, is_busy, owner_of, ports_at
from holo.stack.preflight import check_ports

pytestmark = pytest.mark.pure


def test_offset_moves_every_port() -> None:
    base, moved = ports_at(0), ports_at(100)
    for name in base.__slots__:
        assert getattr(moved, name) == getattr(base, name) + 100


@pytest.mark.parametrize("offset", [-1, 1746])
def test_offset_out_of_range_is_refused(offset: int) -> None:
    with pytest.raises(StackError, match=r"PORT_OFFSET=.* is out of range; the largest is 1745"):
        ports_at(offset)


def test_busy_port_names_its_owner() -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        port = server.getsockname()[1]
        assert is_busy(port)
        assert answers(port)
        with pytest.raises(StackError, match=rf"port {port} \(web\) is busy: pid {os.getpid()} \("):
            check_ports({"web": port}, patience=0)


def test_free_port_is_not_busy_and_has_no_owner() -> None:
    port = free_port()
    assert not is_busy(port)
    assert not answers(port)
    assert owner_of(port) is None
    check_ports({"web": port}, patience=0)


def test_port_that_frees_up_soon_is_waited_for() -> None:
    server = socket.create_server((LOOPBACK, 0))
    port = server.getsockname()[1]
    server.close()
    started = time.monotonic()
    check_ports({"web": port}, patience=5)
    assert time.monotonic() - started < 4
