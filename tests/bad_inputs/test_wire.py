"""Every row about bytes on the wire, sent to a real web process, started as `manage.py up` starts it."""

import json
import os
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from django.utils import translation
from pytest_django import Settings
from waitress.utilities import BadRequest

from holo.common.api.errors import HeadersTooLargeError, InternalError
from holo.common.errors import DomainError
from holo.common.ids import uuid7
from holo.common.middleware import SECURITY_HEADERS
from holo.stack import env
from holo.stack.plan import Options, Stack
from holo.web.server import Limits
from holo.web.unread import REFUSALS, TOO_SLOW, refusal_of_unread
from orders.models import Order
from tests.bad_inputs.cases.rows import Wire
from tests.bad_inputs.cases.wire import SLOW, SLOW_HEAD, WIRE
from tests.bad_inputs.world import World, changed, written
from tests.stack.conftest import free_offset
from tests.web_process import WebProcess, received, status_of, web_process

_RECEIVE = 2


@pytest.fixture(scope="module")
def web_server(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebProcess]:
    """The web process of the stack, with less patience than in earnest."""
    folder = tmp_path_factory.mktemp("web")
    with pytest.MonkeyPatch.context() as patch:
        offset = str(free_offset())
        patch.setattr(
            env, "_given", {**os.environ, "PORT_OFFSET": offset, "REDIS_URL": "redis://127.0.0.1:1"}
        )
        patch.setenv("HOLO_RUN_DIR", str(folder))
        stack = Stack(Options(), temporal_cli=None)
        (part,) = [part for part in stack.parts() if part.name == "web"]
        launch = part.launch()
    *command, bind, address = launch.argv
    assert (bind, address) == ("--bind", f"127.0.0.1:{stack.ports.web}")
    with web_process(
        folder / "web.log",
        "--receive-seconds",
        str(_RECEIVE),
        command=command,
        port=stack.ports.web,
        environment={**launch.env, "LOG_LEVEL": "INFO"},
        key=world.operator,
    ) as running:
        yield running
    said = running.log.read_text()
    assert running.process.returncode == 0, said
    assert "Traceback" not in said, said
    # Nothing is logged of what could not be read; of other requests no key.
    assert "refused a request before it was read: 400" in said
    assert "holo_" not in said


def _post(length: int) -> str:
    head = "POST /api/v1/orders HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\n"
    return f"{head}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"


def test_good_request_is_accepted(web_server: WebProcess) -> None:
    """The control: the same way of sending, byte by byte, is fast enough here."""
    name = uuid7().hex
    body = b'{"items": ["iPhone15"], "client_ref": "%s"}' % name.encode()
    assert web_server.send(_post(len(body)), body, pause=0.001) == 201
    assert Order.objects.filter(client_ref=name).count() == 1


@pytest.mark.parametrize(
    "row", [pytest.param(row, id=f"{row.id}-{row.what.replace(' ', '-')}") for row in WIRE]
)
def test_bytes_are_refused(web_server: WebProcess, row: Wire) -> None:
    before = written()
    answer = web_server.ask(row.head, row.body)
    assert status_of(answer) in row.statuses
    check_answer(answer, row)
    assert changed(before) == set()
    assert web_server.is_alive()


def check_answer(answer: bytes, row: Wire) -> None:
    """Hold the bytes of an answer against the row: what fences in the browser, and how refusals look."""
    head, _blank, body = answer.partition(b"\r\n\r\n")
    lines = [line.split(": ", 1) for line in head.decode("latin-1").split("\r\n")[1:]]
    # Names of headers have no case.
    headers = {name.lower(): value for name, value in lines}
    fence = {name.lower(): value for name, value in SECURITY_HEADERS.items() if name != "Cache-Control"}
    assert {name: headers.get(name) for name in fence} == fence
    assert re.search(r"no-store|private, no-cache", headers["cache-control"])
    assert "server" not in headers
    assert headers["date"]
    if status_of(answer) < 400:
        return
    document = json.loads(body)
    assert headers["content-type"] == "application/problem+json"
    assert int(headers["content-length"]) == len(body) < 1000
    assert document["status"] == status_of(answer)
    assert document["request_id"] == headers["x-request-id"]
    if row.code:
        assert document["code"] == row.code
        assert headers["connection"] == "close"
        assert document["instance"] == ""


def test_control_the_refusals_of_waitress_would_not_do() -> None:
    status, headers, body = BadRequest("why").to_response()
    with pytest.raises(AssertionError):
        check_answer(_wire(status, dict(headers), body), SLOW_HEAD)


def test_hsts_is_on_refusals_where_it_is_on(settings: Settings) -> None:
    settings.SECURE_HSTS_SECONDS = 3600
    _status, headers, _body = refusal_of_unread(HeadersTooLargeError)
    assert headers["Strict-Transport-Security"] == "max-age=3600; includeSubDomains"


@pytest.mark.parametrize("refusal", [*REFUSALS.values(), *TOO_SLOW.values(), InternalError])
def test_every_refusal_of_the_server_is_a_problem_document(refusal: type[DomainError]) -> None:
    with translation.override("zh-hans"):
        status, headers, body = refusal_of_unread(refusal)
    said = _wire(status, {**headers, "Connection": "close", "Date": "now"}, body)
    assert status_of(said) == refusal.status
    check_answer(said, replace(SLOW_HEAD, code=refusal.code))
    assert said.isascii()


def _wire(status: str, headers: dict[str, str], body: bytes) -> bytes:
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers.items())]
    lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def test_a_connection_that_stays_silent_at_first_is_served_later(web_server: WebProcess) -> None:
    """A browser opens connections before it needs them: the time to receive begins with the first byte."""
    with web_server.connect() as line:
        time.sleep(_RECEIVE + 2)
        line.sendall(web_server.filled("GET /healthz/live HTTP/1.1\r\nHost: {host}\r\n\r\n"))
        assert status_of(received(line)) == 200


def test_a47_slow_senders_are_cut_off_and_others_served_after_them(web_server: WebProcess) -> None:
    """More than the server has threads, and none of them holds one."""
    before = written()
    with ThreadPoolExecutor(12) as pool:
        started = time.monotonic()
        bodies = [pool.submit(web_server.ask, _post(1000), SLOW.body, pause=0.1) for _ in range(9)]
        heads = [pool.submit(web_server.ask, SLOW_HEAD.head, SLOW_HEAD.body, pause=0.1) for _ in range(3)]
        told = [call.result() for call in (*bodies, *heads)]
    assert {status_of(answer) for answer in told} == set(SLOW.statuses)
    assert all(SLOW.code.encode() in answer for answer in told[:9]), told[0]
    for answer in told[9:]:
        check_answer(answer, SLOW_HEAD)
    assert time.monotonic() - started < 6 * _RECEIVE
    assert web_server.is_alive()
    assert changed(before) == set()
    assert Limits().receive_seconds <= 30


def test_a47_a_sender_that_goes_away_changes_nothing(web_server: WebProcess) -> None:
    before = written()
    for head in (_post(1000), "GET / HTTP/1.1\r\nX: "):
        with web_server.connect() as line:
            line.sendall(web_server.filled(head) + b'{"items"')
    assert web_server.is_alive()
    assert changed(before) == set()
