"""Every row about bytes on the wire, sent to a real gunicorn that is started as `manage.py up` starts it."""

import json
import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from django.utils import translation
from gunicorn import util
from gunicorn.config import Config
from gunicorn.glogging import Logger
from gunicorn.workers.gthread import _DEFER, TConn
from pytest_django import Settings

from holo import web
from holo.common.api.unread import answer_to_unread
from holo.common.ids import uuid7
from holo.common.middleware import SECURITY_HEADERS
from holo.stack import env
from holo.stack.plan import Options, Stack
from holo.stack.ports import answers
from orders.models import Order
from tests.bad_inputs.cases.rows import Wire
from tests.bad_inputs.cases.wire import SLOW, SLOW_HEAD, WIRE
from tests.bad_inputs.world import World, changed, written
from tests.stack.conftest import eventually, free_offset

_RECEIVE = 2.0
_LENGTH = re.compile(rb"\r\nContent-Length: (\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Web:
    """The running server: its port, its log, and a key that opens it."""

    port: int
    log: Path
    key: str

    def send(self, head: str, body: bytes = b"", *, pause: float = 0.0) -> int:
        """Send bytes as `ask` does; return the status of the answer."""
        return _status(self.ask(head, body, pause=pause))

    def ask(self, head: str, body: bytes = b"", *, pause: float = 0.0) -> bytes:
        """Send bytes, the body one by one with pauses if told to; return what comes back first."""
        head = head.replace("{host}", f"127.0.0.1:{self.port}").replace("{key}", self.key)
        with socket.create_connection(("127.0.0.1", self.port), 30) as line:
            try:
                line.sendall(head.encode("latin-1"))
                for byte in body if pause else ():
                    line.sendall(bytes([byte]))
                    time.sleep(pause)
                line.sendall(b"" if pause else body)
            except (BrokenPipeError, ConnectionResetError):
                pass  # the server has made up its mind already
            return _received(line)


def _received(line: socket.socket) -> bytes:
    """Return the head, and of the body as much as it promises, as far as the connection lets it."""
    found = b""
    try:
        while not _is_whole(found) and (piece := line.recv(65_536)):
            found += piece
    except ConnectionResetError:
        pass
    return found


def _is_whole(answer: bytes) -> bool:
    head, end, body = answer.partition(b"\r\n\r\n")
    promised = _LENGTH.search(head)
    return bool(end) and len(body) >= int(promised[1] if promised else 0)


def _status(answer: bytes) -> int:
    return int(answer.split(b" ")[1]) if answer.startswith(b"HTTP/") else 0


@pytest.fixture(scope="module")
def web_server(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """The web process of the stack, with less patience than in earnest."""
    folder = tmp_path_factory.mktemp("web")
    config = folder / "gunicorn.conf.py"
    own = Path(env.BASE_DIR, "gunicorn.conf.py").read_text()
    config.write_text(f"{own}\nimport holo.web\nholo.web.RECEIVE_SECONDS = {_RECEIVE}\n")
    with pytest.MonkeyPatch.context() as patch:
        offset = str(free_offset())
        patch.setattr(
            env, "_given", {**os.environ, "PORT_OFFSET": offset, "REDIS_URL": "redis://127.0.0.1:1"}
        )
        patch.setenv("HOLO_RUN_DIR", str(folder))
        stack = Stack(Options(), temporal_cli=None)
        (part,) = [part for part in stack.parts() if part.name == "web"]
        launch = part.launch()
    log = folder / "web.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*launch.argv, "--config", str(config)],
            cwd=launch.cwd,
            env={**launch.env, "LOG_LEVEL": "INFO"},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        assert eventually(lambda: answers(stack.ports.web), seconds=60), log.read_text()
        yield Web(port=stack.ports.web, log=log, key=world.operator)
    finally:
        process.terminate()
        process.wait(60)
    said = log.read_text()
    assert "Traceback" not in said, said
    # gunicorn logs what it could not read; the prefix is public.
    assert "Authorization Bearer holo_" in said
    assert world.operator[-28:] not in said


def _post(length: int) -> str:
    head = "POST /api/v1/orders HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\n"
    return f"{head}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"


def _is_alive(server: Web) -> bool:
    return server.send("GET /healthz/live HTTP/1.1\r\nHost: {host}\r\n\r\n") == 200


def test_good_request_is_accepted(web_server: Web) -> None:
    """The control: the same way of sending, byte by byte, is fast enough here."""
    name = uuid7().hex
    body = b'{"items": ["iPhone15"], "client_ref": "%s"}' % name.encode()
    assert web_server.send(_post(len(body)), body, pause=0.001) == 201
    assert Order.objects.filter(client_ref=name).count() == 1


@pytest.mark.parametrize(
    "row", [pytest.param(row, id=f"{row.id}-{row.what.replace(' ', '-')}") for row in WIRE]
)
def test_bytes_are_refused(web_server: Web, row: Wire) -> None:
    before = written()
    answer = web_server.ask(row.head, row.body)
    assert _status(answer) in row.statuses
    check_answer(answer, row)
    assert changed(before) == set()
    assert _is_alive(web_server)


def check_answer(answer: bytes, row: Wire) -> None:
    """Hold the bytes of an answer against the row: what fences in the browser, and how refusals look."""
    head, _blank, body = answer.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode("latin-1").split("\r\n")[1:])
    fence = {name: value for name, value in SECURITY_HEADERS.items() if name != "Cache-Control"}
    assert {name: headers.get(name) for name in fence} == fence
    assert re.search(r"no-store|private, no-cache", headers["Cache-Control"])
    assert "Server" not in headers
    assert headers["Date"]
    if _status(answer) < 400:
        return
    document = json.loads(body)
    assert headers["Content-Type"] == "application/problem+json"
    assert int(headers["Content-Length"]) == len(body) < 1000
    assert document["status"] == _status(answer)
    assert document["request_id"] == headers["X-Request-ID"]
    if row.code:
        assert document["code"] == row.code
        assert headers["Connection"] == "close"
        assert document["instance"] == ""


def test_control_gunicorns_own_refusal_would_not_do() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        util.write_error(ours, 414, "URI Too Long", "")
        ours.shutdown(socket.SHUT_WR)
        said = theirs.recv(65_536)
    with pytest.raises(AssertionError):
        check_answer(said, SLOW_HEAD)


def test_hsts_is_on_refusals_where_it_is_on(settings: Settings) -> None:
    settings.SECURE_HSTS_SECONDS = 3600
    lasting = b"\r\nStrict-Transport-Security: max-age=3600; includeSubDomains\r\n"
    assert lasting in answer_to_unread(431)


@pytest.mark.parametrize(("status", "answered"), [(403, 403), (417, 417), (500, 500), (502, 500)])
def test_every_status_of_gunicorn_has_an_answer(status: int, answered: int) -> None:
    with translation.override("zh-hans"):
        said = answer_to_unread(status)
    assert _status(said) == answered
    check_answer(said, replace(SLOW_HEAD, code=json.loads(said.partition(b"\r\n\r\n")[2])["code"]))
    assert said.isascii()


class _LateConnection(TConn):  # type: ignore[misc]  # gunicorn has no types
    """A connection whose first byte comes just after the server has given up waiting for it."""

    def __init__(self, config: Config, sock: socket.socket, sender: socket.socket) -> None:
        super().__init__(config, sock, ("127.0.0.1", 1), ("127.0.0.1", 2))
        self._sender: socket.socket | None = sender

    def wait_for_data(self, timeout: float) -> bool:
        """Send the request after the first wait."""
        found = bool(super().wait_for_data(0))
        if self._sender is not None:
            self._sender.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            self._sender = None
        return found


@pytest.mark.pure
def test_a_connection_that_stays_silent_at_first_is_served_later() -> None:
    """A browser opens connections before it needs them: each is waited for once, and read under the limit."""
    config = Config()
    worker = web.BoundedThreads(0, os.getpid(), [], None, 30, config, Logger(config))

    def application(environ: Any, start_response: Any) -> list[bytes]:
        start_response("204 No Content", [])
        return []

    worker.alive, worker.wsgi = True, application
    server, client = socket.socketpair()
    with server, client:
        connection = _LateConnection(config, server, client)
        assert worker.handle(connection) is _DEFER
        assert not connection.initialized
        connection.data_ready = True
        worker.handle(connection)
        assert _status(_received(client)) == 204
    worker.tmp.close()


def test_a47_slow_senders_are_cut_off_and_others_served_after_them(web_server: Web) -> None:
    """More than the server has threads: each holds one no longer than the limit."""
    before = written()
    with ThreadPoolExecutor(12) as pool:
        started = time.monotonic()
        bodies = [pool.submit(web_server.ask, _post(1000), SLOW.body, pause=0.1) for _ in range(9)]
        heads = [pool.submit(web_server.ask, SLOW_HEAD.head, SLOW_HEAD.body, pause=0.1) for _ in range(3)]
        told = [call.result() for call in (*bodies, *heads)]
    assert {_status(answer) for answer in told} == set(SLOW.statuses)
    assert all(SLOW.code.encode() in answer for answer in told[:9]), told[0]
    for answer in told[9:]:
        check_answer(answer, SLOW_HEAD)
    assert time.monotonic() - started < 6 * _RECEIVE
    assert _is_alive(web_server)
    assert changed(before) == set()
    assert web.RECEIVE_SECONDS <= 30


def test_a47_a_sender_that_goes_away_changes_nothing(web_server: Web) -> None:
    before = written()
    for head in (_post(1000), "GET / HTTP/1.1\r\nX: "):
        with socket.create_connection(("127.0.0.1", web_server.port), 5) as line:
            filled = head.replace("{host}", "127.0.0.1").replace("{key}", web_server.key)
            line.sendall(filled.encode() + b'{"items"')
    assert _is_alive(web_server)
    assert changed(before) == set()
