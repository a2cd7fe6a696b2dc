"""The web process as a real process, and bytes sent to it over a socket."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from holo.stack.ports import answers, free_port
from tests.stack.conftest import eventually

ROOT = Path(__file__).resolve().parent.parent
_LENGTH = re.compile(rb"\r\nContent-Length: (\d+)", re.IGNORECASE)
# Nobody is in a hurry on a busy machine.
PATIENCE = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WebProcess:
    """A running web process: its port, its log, and a key for `{key}` in what is sent."""

    process: "subprocess.Popen[bytes]"
    port: int
    log: Path
    key: str = ""

    def connect(self, *, source: str = "127.0.0.1", receive_buffer: int = 0) -> socket.socket:
        """Return a new connection from an address of the loopback."""
        line = socket.socket()
        line.settimeout(PATIENCE)
        if receive_buffer:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        line.bind((source, 0))
        line.connect(("127.0.0.1", self.port))
        return line

    def filled(self, head: str) -> bytes:
        """Return a head with host and key filled in."""
        return head.replace("{host}", f"127.0.0.1:{self.port}").replace("{key}", self.key).encode("latin-1")

    def ask(self, head: str, body: bytes = b"", *, pause: float = 0.0, source: str = "127.0.0.1") -> bytes:
        """Send bytes, the body one by one with pauses if told to; return what comes back first."""
        with self.connect(source=source) as line:
            try:
                line.sendall(self.filled(head))
                for byte in body if pause else ():
                    line.sendall(bytes([byte]))
                    time.sleep(pause)
                line.sendall(b"" if pause else body)
            except (BrokenPipeError, ConnectionResetError):
                pass  # the server has made up its mind already
            return received(line)

    def send(self, head: str, body: bytes = b"", *, pause: float = 0.0) -> int:
        """Send bytes as `ask` does; return the status of the response."""
        return status_of(self.ask(head, body, pause=pause))

    def is_alive(self, *, source: str = "127.0.0.1") -> bool:
        """Tell whether the process answers on a new connection."""
        return status_of(self.ask("GET /healthz/live HTTP/1.1\r\nHost: {host}\r\n\r\n", source=source)) == 200


def received(line: socket.socket) -> bytes:
    """Return the head, and of the body as much as it promises, as far as the connection lets it."""
    found = b""
    with suppress(ConnectionResetError):
        while not _is_whole(found) and (piece := line.recv(65_536)):
            found += piece
    return found


def _is_whole(response: bytes) -> bool:
    head, end, body = response.partition(b"\r\n\r\n")
    promised = _LENGTH.search(head)
    return bool(end) and len(body) >= int(promised[1] if promised else 0)


def status_of(response: bytes) -> int:
    """Return the status of a response, 0 where there is none."""
    return int(response.split(b" ")[1]) if response.startswith(b"HTTP/") else 0


@contextmanager
def web_process(
    log: Path,
    *options: str,
    environment: Mapping[str, str] | None = None,
    command: Sequence[str] = (sys.executable, "manage.py", "run_web"),
    port: int = 0,
    key: str = "",
) -> Iterator[WebProcess]:
    """Run the web process until the block ends."""
    port = port or free_port()
    argv = [*command, "--bind", f"127.0.0.1:{port}", *options]
    environment = environment or {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.web_settings"}
    with log.open("wb") as output:
        process = subprocess.Popen(argv, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        assert eventually(lambda: answers(port) or process.poll() is not None, seconds=60), log.read_text()
        assert process.poll() is None, log.read_text()
        yield WebProcess(process=process, port=port, log=log, key=key)
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(60)
