"""Clients that hold connections: each sends or takes a byte from time to time.

    python -m tests.web.slow_clients headers 200 8000

holds 200 connections to port 8000 until it is killed.
"""

import asyncio
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

_PAUSE = 0.5
_HEADERS = b"GET /healthz/live HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "
_LENGTH = b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n"
_POST = b"POST /api/v1/orders HTTP/1.1\r\nHost: 127.0.0.1\r\n"
_BUNDLE = b"/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js"
_READ = b"GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" % _BUNDLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """What each connection sends first, and what it does from then on."""

    first: bytes
    then: bytes = b""
    receive_buffer: int = 0


ATTACKS = {
    "headers": Attack(first=_HEADERS, then=b"x"),
    "bodies": Attack(first=_POST + _LENGTH % 100_000, then=b" "),
    "readers": Attack(first=_READ, receive_buffer=4096),
    "many responses": Attack(first=_READ * 60, receive_buffer=4096),
    "large": Attack(first=_POST + _LENGTH % 10_000_000 + b" " * 10_000_000),
}


async def _hold(attack: Attack, port: int, source: str) -> None:
    """Hold a connection for ever; where the server closes it, open the next one after a pause."""
    while True:
        line = socket.socket()
        line.setblocking(False)
        if attack.receive_buffer:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, attack.receive_buffer)
        line.bind((source, 0))
        with line, suppress(OSError):
            await _send_and_wait(attack, line, port)
        await asyncio.sleep(_PAUSE)


async def _send_and_wait(attack: Attack, line: socket.socket, port: int) -> None:
    loop = asyncio.get_running_loop()
    await loop.sock_connect(line, ("127.0.0.1", port))
    await loop.sock_sendall(line, attack.first)
    while True:
        await asyncio.sleep(_PAUSE)
        if attack.then:
            await loop.sock_sendall(line, attack.then)
        elif not await loop.sock_recv(line, 1):
            return


async def _attack(attack: Attack, *, connections: int, port: int, source: str) -> None:
    await asyncio.gather(*(_hold(attack, port, source) for _ in range(connections)))


@contextmanager
def attacked(kind: str, *, connections: int, port: int, source: str = "127.0.0.1") -> Iterator[None]:
    """Keep so many connections open until the block ends."""
    loop = asyncio.new_event_loop()
    task = loop.create_task(_attack(ATTACKS[kind], connections=connections, port=port, source=source))

    def run() -> None:
        with suppress(asyncio.CancelledError):
            loop.run_until_complete(task)
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join(60)


if __name__ == "__main__":
    asyncio.run(
        _attack(ATTACKS[sys.argv[1]], connections=int(sys.argv[2]), port=int(sys.argv[3]), source="127.0.0.1")
    )
