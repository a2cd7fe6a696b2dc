"""The server in a thread, before a small application: what it reads, how long it waits, how it stops."""

import socket
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from typing import Any

import pytest
from pytest_django import Settings

from holo.web import server as server_module
from tests.live import eventually
from tests.web.in_thread import GET, LARGE, Running, ended, running
from tests.web_process import received, status_of

pytestmark = pytest.mark.pure


@pytest.fixture
def default() -> Iterator[Running]:
    """A server with the limits that it has by default."""
    with running() as server:
        yield server


def test_requests_sent_together_are_answered_in_their_order(default: Running) -> None:
    with default.connect() as line:
        line.sendall(b"".join(GET % name for name in (b"a", b"b", b"c")))
        said = b""
        while said.count(b"HTTP/1.1 200 OK") < 3 or not said.endswith(b"/c"):
            said += line.recv(65_536)
    assert default.application.begun == ["/a", "/b", "/c"]


def test_connection_is_kept_for_the_next_request(default: Running) -> None:
    with default.connect() as line:
        for _turn in range(3):
            line.sendall(GET % b"again")
            assert received(line).endswith(b"/again")


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_connection_is_kept_after_a_response_without_a_body(default: Running, status: str) -> None:
    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        start_response(status, [])
        return []

    default.server.application = application
    with default.connect() as line:
        for _turn in range(2):
            line.sendall(GET % b"again")
            assert status_of(received(line)) == int(status[:3])
        line.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        said = b"".join(iter(lambda: line.recv(65_536), b""))
    assert b"\r\nConnection: close\r\n" in said


def test_largest_body_is_read_and_one_byte_more_is_not(default: Running, settings: Settings) -> None:
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    for length, status in ((limit, 200), (limit + 1, 413)):
        head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % length
        assert status_of(default.ask(head + b"x" * length)) == status


def test_head_has_the_length_and_no_body(default: Running) -> None:
    with default.connect() as line:
        line.sendall(b"HEAD /page HTTP/1.1\r\nHost: x\r\n\r\n")
        said = line.recv(65_536)
        assert said.endswith(b"\r\n\r\n")
        assert b"\r\nContent-Length: 5\r\n" in said
        line.sendall(GET % b"next")
        assert received(line).endswith(b"/next")


def test_body_that_waits_for_leave_gets_it(default: Running) -> None:
    with default.connect() as line:
        line.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        assert line.recv(65_536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        line.sendall(b"{}")
        assert received(line).endswith(b"/{}")


def test_expectation_without_a_body_is_answered(default: Running) -> None:
    assert status_of(default.ask(b"GET / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\r\n")) == 200


def test_refusal_reaches_a_sender_that_goes_on_sending(default: Running) -> None:
    """Closed at once, the connection would be reset and the refusal lost."""
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\n"
    assert status_of(default.ask(head + b"x" * 10_000_000)) == 413
    assert default.application.begun == []


def test_refused_bodies_are_discarded_no_faster_than_others_can_bear(
    monkeypatch: pytest.MonkeyPatch, default: Running
) -> None:
    monkeypatch.setattr(server_module, "_DISCARDED_A_SECOND", 3_000_000)
    begun = time.monotonic()
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 30000000\r\n\r\n"
    with default.connect() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)
        line.sendall(head + b"x" * 14_000_000)
        assert time.monotonic() - begun > 1.5
        assert status_of(received(line)) == 413


def test_nothing_after_a_refusal_is_taken_for_a_request(default: Running) -> None:
    with default.connect() as line:
        line.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +2\r\n\r\n" + GET % b"smuggled")
        line.shutdown(socket.SHUT_WR)
        said = b"".join(iter(lambda: line.recv(65_536), b""))
    assert status_of(said) == 400
    assert said.count(b"HTTP/1.1") == 1
    assert default.application.begun == []


def test_blanks_in_a_header_take_no_time(default: Running) -> None:
    """The pattern of waitress takes 13 seconds for them, in the thread that serves all connections."""
    begun = time.monotonic()
    for value in (b" " * 30_000 + b"a", b"a" + b" " * 30_000, b" \t" * 15_000, b"a " * 15_000):
        assert status_of(default.ask(b"GET / HTTP/1.1\r\nHost: x\r\nX-A:%s\r\n\r\n" % value)) == 200
    assert time.monotonic() - begun < 5


def test_headers_of_proxies_reach_the_application_and_underscores_do_not() -> None:
    seen: dict[str, Any] = {}

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        seen.update(environ)
        start_response("204 No Content", [])
        return []

    with running() as server:
        server.server.application = application
        server.ask(b"GET /a HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.1\r\nSCRIPT_NAME: /b\r\n\r\n")
    assert (seen["HTTP_X_FORWARDED_FOR"], seen["SCRIPT_NAME"]) == ("192.0.2.1", "")
    assert "HTTP_SCRIPT_NAME" not in seen


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\nX: ", 408, id="headers"),
        pytest.param(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{", 408, id="body"),
        pytest.param(b"", 0, id="silence"),
        pytest.param(b"\r\n\r\n", 0, id="blank lines"),
    ],
)
def test_client_that_keeps_the_server_waiting_is_cut_off(sent: bytes, status: int) -> None:
    with running(receive_seconds=0.5, idle_seconds=0.5) as server, server.connect() as line:
        line.sendall(sent)
        said = b"".join(iter(lambda: line.recv(65_536), b""))
    assert status_of(said) == status


def test_byte_after_byte_does_not_move_the_deadline() -> None:
    with running(receive_seconds=1) as server, server.connect() as line:
        line.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX: ")
        line.settimeout(0.1)
        said = b""
        for _turn in range(300):
            with suppress(TimeoutError):
                said = line.recv(65_536)
                break
            line.sendall(b"x")
    assert status_of(said) == 408


def test_client_that_does_not_take_its_response_is_cut_off() -> None:
    with running(send_seconds=0.5) as server, server.connect(receive_buffer=4096) as line:
        line.sendall(GET % b"large")
        eventually(lambda: server.application.begun == ["/large"], what="the request")
        eventually(lambda: not server.server.active_channels, what="the end of the connection")
        taken = 0
        with suppress(ConnectionResetError):
            while piece := line.recv(65_536):
                taken += len(piece)
        assert taken < LARGE


def test_requests_of_a_client_that_takes_no_response_hold_no_thread(settings: Settings) -> None:
    settings.WEB_THREADS = 1
    with running() as server, server.connect(receive_buffer=4096) as line:
        line.sendall(GET % b"large" * 3)
        eventually(lambda: server.application.begun == ["/large"], what="the first request")
        assert server.ask(GET % b"honest").endswith(b"/honest")
        assert server.application.begun == ["/large", "/honest"]
        taken = 0
        while taken < 3 * LARGE:
            taken += len(line.recv(1_000_000))
        assert server.application.begun == ["/large", "/honest", "/large", "/large"]


def test_requests_that_wait_for_their_client_end_with_it() -> None:
    with running(send_seconds=0.5) as server, server.connect(receive_buffer=4096) as line:
        line.sendall(GET % b"large" * 3)
        eventually(lambda: server.application.begun == ["/large"], what="the first request")
        eventually(lambda: not server.server.active_channels, what="the end of the connection")
        assert server.application.begun == ["/large"]


def test_control_one_that_takes_it_gets_all() -> None:
    with running(send_seconds=60) as server:
        assert len(server.ask(GET % b"large")) > LARGE


def test_oldest_unfinished_request_of_a_client_makes_room_and_others_stay() -> None:
    with running(connections_per_client=5) as server, ExitStack() as stack:
        other = stack.enter_context(server.connect("127.0.0.2"))
        other.sendall(b"GET / HTTP/1.1\r\n")
        own = []
        for number in range(8):
            own.append(stack.enter_context(server.connect()))
            own[-1].sendall(b"GET /%d HTTP/1.1\r\n" % number)
            eventually(lambda: len(server.server.active_channels) == len(own) + 1, what="the connection")
        eventually(lambda: [ended(line) for line in own] == [True] * 3 + [False] * 5, what="the oldest to go")
        assert not ended(other)
        # Somebody of the same address is served, even now.
        assert server.ask(GET % b"honest").endswith(b"/honest")


def test_request_in_hand_stays_when_its_client_has_too_many() -> None:
    with running(connections_per_client=2) as server, server.connect() as line:
        line.sendall(GET % b"wait")
        eventually(lambda: server.application.begun == ["/wait"], what="the request")
        for _turn in range(5):
            assert server.ask(GET % b"next").endswith(b"/next")
        server.application.go.set()
        assert received(line).endswith(b"/wait")


@pytest.mark.parametrize("hops", [0, 1])
@pytest.mark.parametrize("fair", [True, pytest.param(False, id="control: one queue for all")])
def test_clients_take_turns_where_requests_wait_for_a_thread(
    settings: Settings, fair: bool, hops: int
) -> None:
    settings.WEB_THREADS = 1
    settings.PROXY_HOPS = hops
    head = b"GET /%s HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.%d\r\n\r\n"
    with running() as server, ExitStack() as stack:
        if not fair:
            server.server.task_dispatcher.queue = deque()
        lines = [stack.enter_context(server.connect()) for _ in range(20)]
        lines.append(stack.enter_context(server.connect("127.0.0.1" if hops else "127.0.0.2")))
        lines[0].sendall(head % (b"wait", 1))
        eventually(lambda: server.application.begun == ["/wait"], what="the thread to be taken")
        for number, line in enumerate(lines[1:], start=1):
            line.sendall(head % ((b"many", 1) if number < 20 else (b"one", 2)))
            eventually(lambda: len(server.server.task_dispatcher.queue) == number, what="the queue")  # noqa: B023
        server.application.go.set()
        for line in lines:
            assert status_of(received(line)) == 200
        assert server.application.begun.index("/one") == (2 if fair else 20)


def test_client_with_the_most_makes_room_when_all_are_too_many() -> None:
    with running(connections=6) as server, ExitStack() as stack:
        few = [stack.enter_context(server.connect("127.0.0.2")) for _ in range(2)]
        many = [stack.enter_context(server.connect("127.0.0.3")) for _ in range(4)]
        eventually(lambda: len(server.server.active_channels) == 6, what="the connections")
        new = [stack.enter_context(server.connect(f"127.0.0.{number}")) for number in (4, 5)]
        eventually(lambda: sum(map(ended, many)) == 2, what="room")
        assert not any(map(ended, few + new))


def test_behind_a_proxy_the_client_is_whom_it_names(settings: Settings) -> None:
    settings.PROXY_HOPS = 1
    head = b"POST / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: %s\r\nContent-Length: 9\r\n\r\n{"
    with running(connections_per_client=2) as server, ExitStack() as stack:
        silent = [stack.enter_context(server.connect()) for _ in range(5)]
        honest = stack.enter_context(server.connect())
        honest.sendall(head % b"203.0.113.1, 192.0.2.2")
        eventually(lambda: len(server.server.active_channels) == 6, what="the connections")
        slow = [stack.enter_context(server.connect()) for _ in range(4)]
        for number, line in enumerate(slow):
            line.sendall(head % b"203.0.113.%d, 192.0.2.1" % number)
        eventually(lambda: sum(map(ended, slow)) == 2, what="the oldest to go")
        assert not any(map(ended, [honest, *silent]))


def test_stop_finishes_what_is_in_hand_and_takes_nothing_new() -> None:
    with running() as server, server.connect() as line, server.connect() as idle:
        line.sendall(GET % b"wait")
        eventually(lambda: server.application.begun == ["/wait"], what="the request")
        server.server.stop()
        eventually(lambda: ended(idle), what="the silent connection to close")
        with pytest.raises(ConnectionRefusedError):
            server.connect()
        assert server.thread.is_alive()
        server.application.go.set()
        assert received(line).endswith(b"/wait")
        server.thread.join(60)
        assert server.left == [0]


def test_stop_waits_for_a_request_that_hangs_no_longer_than_its_time(settings: Settings) -> None:
    settings.STOP_SECONDS = 2
    with running() as server, server.connect() as line:
        line.sendall(GET % b"wait")
        eventually(lambda: server.application.begun == ["/wait"], what="the request")
        server.server.stop()
        server.thread.join(60)
        assert server.left == [1]


@pytest.mark.parametrize("kind", [RuntimeError, OSError])
def test_fault_of_the_application_is_a_problem_document(
    kind: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        raise kind("a secret")

    with running() as server:
        server.server.application = application
        said = server.ask(GET % b"")
    assert status_of(said) == 500
    assert b'"code":"request.internal_error"' in said
    assert b"a secret" not in said
    assert "a secret" in caplog.text
