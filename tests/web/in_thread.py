"""The server in a thread, before a small application."""

import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from holo.web.server import Limits, Server, make_server
from tests.web_process import received

GET = b"GET /%s HTTP/1.1\r\nHost: x\r\n\r\n"
LARGE = 20_000_000


@dataclass
class Application:
    """Answers with the path and the body; `/wait` waits until `go` is set, `/large` answers with 20 MB."""

    go: threading.Event = field(default_factory=threading.Event)
    begun: list[str] = field(default_factory=list)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        self.begun.append(path)
        if path == "/wait":
            assert self.go.wait(60)
        body = b"x" * LARGE if path == "/large" else path.encode() + environ["wsgi.input"].read()
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A server in a thread."""

    server: Server
    application: Application
    thread: threading.Thread
    left: list[int]

    def connect(self, source: str = "127.0.0.1", *, receive_buffer: int = 0) -> socket.socket:
        """Return a connection that waits for a minute at most."""
        line = socket.socket()
        if receive_buffer:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        line.settimeout(60)
        line.bind((source, 0))
        try:
            line.connect(("127.0.0.1", int(self.server.effective_port)))
        except OSError:
            line.close()
            raise
        return line

    def ask(self, sent: bytes) -> bytes:
        """Return what comes back on a connection of its own."""
        with self.connect() as line:
            line.sendall(sent)
            return received(line)


@contextmanager
def running(**limits: Any) -> Iterator[Running]:
    """Run a server until the block ends."""
    application = Application()
    server = make_server(application, address="127.0.0.1", port=0, limits=Limits(**limits))
    left: list[int] = []
    thread = threading.Thread(target=lambda: left.append(server.run()))
    thread.start()
    try:
        yield Running(server=server, application=application, thread=thread, left=left)
    finally:
        application.go.set()
        server.stop()
        thread.join(60)
        server.task_dispatcher.shutdown()
        server.trigger.close()
        for channel in list(server.active_channels.values()):
            channel.handle_close()
    assert not thread.is_alive()


def ended(line: socket.socket) -> bool:
    """Tell whether the server has closed a connection; bytes that it sent before are dropped."""
    line.setblocking(False)
    try:
        while line.recv(65_536):
            pass
    except BlockingIOError:
        return False
    except ConnectionResetError:
        pass
    return True
