"""Every row about bytes on the wire, sent to a real gunicorn that is started as `manage.py up` starts it."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from holo import web
from holo.common.ids import uuid7
from holo.stack import env
from holo.stack.plan import Options, Stack
from holo.stack.ports import answers
from orders.models import Order
from tests.bad_inputs.cases.rows import Wire
from tests.bad_inputs.cases.wire import SLOW, WIRE
from tests.bad_inputs.world import World, changed, written
from tests.stack.conftest import _free_offset, eventually

_RECEIVE = 2.0


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
    """Return at least the head; the rest as far as it has come by then."""
    found = b""
    try:
        while b"\r\n\r\n" not in found and (piece := line.recv(65_536)):
            found += piece
    except ConnectionResetError:
        pass
    return found


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
        offset = str(_free_offset())
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
        assert eventually(lambda: answers(stack.ports.web), seconds=20), log.read_text()
        yield Web(port=stack.ports.web, log=log, key=world.operator)
    finally:
        process.terminate()
        process.wait(20)
    said = log.read_text()
    assert "Traceback" not in said, said


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
    assert web_server.send(row.head, row.body) in row.statuses
    assert changed(before) == set()
    assert _is_alive(web_server)


def test_a47_slow_senders_are_cut_off_and_others_served_after_them(web_server: Web) -> None:
    """More than the server has threads: each holds one no longer than the limit."""
    before = written()
    slow_head = "GET /healthz/live HTTP/1.1\r\nX: "
    with ThreadPoolExecutor(12) as pool:
        started = time.monotonic()
        bodies = [pool.submit(web_server.ask, _post(1000), SLOW.body, pause=0.1) for _ in range(9)]
        heads = [pool.submit(web_server.ask, slow_head, SLOW.body, pause=0.1) for _ in range(3)]
        told = [call.result() for call in (*bodies, *heads)]
    assert {_status(answer) for answer in told} == set(SLOW.statuses)
    assert all(SLOW.code.encode() in answer for answer in told[:9]), told[0]
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
