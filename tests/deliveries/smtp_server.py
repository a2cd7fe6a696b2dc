"""A small SMTP server on a real socket that answers as a test wants it to."""

import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

# What the server does with one line that it was sent; None for the usual reply.
Reply = Callable[[str], bytes | None]


@dataclass(slots=True)
class Inbox:
    """What the server was told, and where it is."""

    port: int = 0
    taken: list[tuple[str, str]] = field(default_factory=list)
    connections: int = 0
    released: threading.Event = field(default_factory=threading.Event)

    def recipients(self) -> list[str]:
        """Return to whom mail was taken, in order."""
        return [recipient for recipient, _text in self.taken]


def usual(_line: str) -> bytes | None:
    """Take everything."""
    return None


@contextmanager
def smtp_server(reply: Reply = usual, *, greeting: bytes = b"220 test ESMTP\r\n") -> Iterator[Inbox]:
    """Run a server until the block ends; `reply` may answer a command in its own way."""
    inbox = Inbox()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            inbox.connections += 1
            self.wfile.write(greeting)
            recipient = ""
            while line := self.rfile.readline().decode().rstrip("\r\n"):
                own = reply(line)
                if own is not None:
                    self.wfile.write(own)
                    if not own:
                        inbox.released.wait(60)
                        return
                    continue
                word = line[:4].upper()
                if word == "RCPT":
                    recipient = line.partition("<")[2].partition(">")[0]
                if word == "DATA":
                    self.wfile.write(b"354 go on\r\n")
                    text = ""
                    while (part := self.rfile.readline().decode()) not in (".\r\n", ""):
                        text += part
                    final = reply(".")
                    if final is None:
                        inbox.taken.append((recipient, text))
                    self.wfile.write(final or b"250 taken\r\n")
                    continue
                self.wfile.write(b"221 bye\r\n" if word == "QUIT" else b"250 ok\r\n")

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A client that hangs up is what some tests are about."""

    with Server(("127.0.0.1", 0), Handler) as server:
        inbox.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield inbox
        finally:
            inbox.released.set()
            server.shutdown()
            thread.join(10)


@contextmanager
def dripping_server(piece: bytes = b"2") -> Iterator[Inbox]:
    """Run a server that greets with a byte now and then, and gives up only after twenty seconds."""
    inbox = Inbox()
    listener = socket.create_server(("127.0.0.1", 0))
    inbox.port = listener.getsockname()[1]

    def drip() -> None:
        client, _address = listener.accept()
        inbox.connections += 1
        with client:
            for _number in range(400):
                if inbox.released.wait(0.05):
                    return
                try:
                    client.sendall(piece)
                except OSError:
                    return

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        yield inbox
    finally:
        inbox.released.set()
        listener.close()
        thread.join(10)
