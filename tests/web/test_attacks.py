"""What one client that holds connections does to the others: nothing."""

import os
import sys
import time
from pathlib import Path

import pytest

from holo.common.ids import uuid7
from tests.live import eventually
from tests.web.slow_clients import attacked
from tests.web_process import WebProcess, received, status_of, web_process

# A fraction of the time for which each attack holds its connections.
_PATIENCE = 5.0
_REQUESTS = 20


def live(web: WebProcess) -> int:
    """Return the status of a request that nobody has to log in for; 0 where none comes in time."""
    with web.connect() as line:
        line.settimeout(_PATIENCE)
        try:
            line.sendall(web.filled("GET /healthz/live HTTP/1.1\r\nHost: {host}\r\n\r\n"))
            return status_of(received(line))
        except TimeoutError:
            return 0


def place(web: WebProcess) -> int:
    """Return the status of a new order."""
    body = b'{"items": ["iPhone15"], "client_ref": "%s"}' % uuid7().hex.encode()
    head = "POST /api/v1/orders HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    with web.connect() as line:
        line.settimeout(_PATIENCE)
        line.sendall(web.filled(head) + body)
        return status_of(received(line))


def held(web: WebProcess) -> int:
    """Return how many connections the process has open."""
    links = Path(f"/proc/{web.process.pid}/fd").iterdir()
    return sum("socket:" in os.readlink(link) for link in links if link.is_symlink())


@pytest.mark.parametrize("connections", [8, 200])
@pytest.mark.parametrize("kind", ["headers", "bodies", "readers", "many responses", "large"])
def test_requests_are_answered_beside_slow_clients_of_the_same_address(
    web: WebProcess, kind: str, connections: int
) -> None:
    assert place(web) == 201
    with attacked(kind, connections=connections, port=web.port):
        time.sleep(1)
        assert [live(web) for _ in range(_REQUESTS)] == [200] * _REQUESTS
        assert [place(web) for _ in range(3)] == [201] * 3
    assert live(web) == 200


def test_control_waitress_as_it_comes_answers_nobody(tmp_path: Path, key: str) -> None:
    command = (sys.executable, "-m", "tests.web.plain_waitress")
    with web_process(tmp_path / "plain.log", command=command, key=key) as plain:
        assert live(plain) == 200
        with attacked("headers", connections=200, port=plain.port):
            eventually(lambda: held(plain) >= 98, what="the attack")
            assert live(plain) == 0
        plain.process.kill()
