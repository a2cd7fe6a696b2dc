"""SMTP with a limit on the whole attempt.

Django's timeout is for each read, so that a server which sends a byte now and then could hold it for ever.
"""

import smtplib
import socket
import ssl
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any, TypeVar

from django.core.mail.backends.smtp import EmailBackend
from django.core.mail.utils import DNS_NAME

from holo.deliveries.policy import ATTEMPT_SECONDS, OPERATION_SECONDS

T = TypeVar("T")

_CHUNK = 4096
# All replies of a session are some kilobytes; a server that goes on and on must not fill the memory.
_MOST_READ = 16 * 2**20


class _Lines:
    """Reads the server's lines from a socket; each read gets only the time that is left."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock, self._deadline, self._read = sock, deadline, b""
        self.longest_wait: float = OPERATION_SECONDS
        self._left = _MOST_READ

    def readline(self, longest: int) -> bytes:
        """Return the next line, at most `longest` bytes; empty once the server has closed."""
        while b"\n" not in self._read and len(self._read) < longest:
            bound_socket(self._sock, self._deadline, self.longest_wait)
            chunk = self._sock.recv(_CHUNK)
            if not chunk:
                break
            self._read += chunk
            self._left -= len(chunk)
            if self._left < 0:
                raise OSError(f"the mail server sent more than {_MOST_READ} bytes")
        end = self._read.find(b"\n") + 1 or longest
        line, self._read = self._read[: min(end, longest)], self._read[min(end, longest) :]
        return line

    def close(self) -> None:
        """Leave the socket to its owner."""


def bound_socket(sock: socket.socket, deadline: float, longest: float | None = None) -> None:
    """Let the next operation take `longest` (an operation's seconds) or what is left. Raises TimeoutError."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError(f"the mail server took longer than {ATTEMPT_SECONDS} s")
    sock.settimeout(min(left, OPERATION_SECONDS if longest is None else longest))


def _looked_up(look_up: Callable[[], T], what: str, deadline: float) -> T:
    """Return what a look-up of a name finds. Raises TimeoutError where it takes longer than one operation.

    The resolver of the system takes no limit, so it runs in a thread that is left to itself then.
    """
    outcome: Future[T] = Future()

    def run() -> None:
        try:
            outcome.set_result(look_up())
        except Exception as error:  # noqa: BLE001 - whoever waits is told
            outcome.set_exception(error)

    threading.Thread(target=run, name="mail-look-up", daemon=True).start()
    try:
        return outcome.result(max(0.0, min(deadline - time.monotonic(), OPERATION_SECONDS)))
    except TimeoutError:
        if outcome.done():
            raise
        raise TimeoutError(f"the look-up of {what} took longer than {OPERATION_SECONDS} s") from None


class _Bounded(smtplib.SMTP):
    """A connection that ends at its deadline, however slowly the server answers."""

    deadline: float

    def __init__(self, *args: Any, deadline: float, **kwargs: Any) -> None:
        self.deadline = deadline
        super().__init__(*args, **kwargs)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        """Connect to the first of the server's addresses that answers; all share the time that is left."""
        problem = OSError("the mail server has no address")
        find = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        found = _looked_up(find, "the mail server", self.deadline)
        for family, kind, protocol, _name, address in found:
            sock = socket.socket(family, kind, protocol)
            try:
                bound_socket(sock, self.deadline)
                sock.connect(address)
            except OSError as error:
                sock.close()
                problem = error
            else:
                return sock
        raise problem

    def getreply(self) -> tuple[int, bytes]:
        """Read one reply within the time that is left."""
        if self.file is None and self.sock is not None:
            self.file = _Lines(self.sock, self.deadline)
        return super().getreply()

    def data(self, msg: Any) -> tuple[int, bytes]:
        """Send the mail, and wait for its reply for as long as the attempt lasts.

        A server may look at a mail for a while and take it then: one that was not waited for comes twice.
        """
        if isinstance(self.file, _Lines):
            self.file.longest_wait = ATTEMPT_SECONDS
        return super().data(msg)

    def send(self, s: Any) -> None:
        """Send within the time that is left, which for `sendall` is a limit on the whole."""
        if self.sock is not None:
            try:
                bound_socket(self.sock, self.deadline)
            except TimeoutError as error:
                self.close()
                raise smtplib.SMTPServerDisconnected(str(error)) from error
        super().send(s)


class _BoundedOverTls(_Bounded, smtplib.SMTP_SSL):
    """The same, with TLS from the first byte."""

    def _get_socket(self, host: str, port: int, timeout: float) -> ssl.SSLSocket:
        """Connect, then agree on the encryption, within the time that is left."""
        sock = super()._get_socket(host, port, timeout)
        bound_socket(sock, self.deadline)
        return self.context.wrap_socket(sock, server_hostname=host)


class BoundedEmailBackend(EmailBackend):
    """Django's SMTP backend with a limit on each wait and on the attempt as a whole."""

    _deadline = 0.0

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "timeout": OPERATION_SECONDS})

    @property
    def connection_class(self) -> Any:
        """Return the class of the connection, whose time has begun."""
        kind = _BoundedOverTls if self.use_ssl else _Bounded
        return partial(kind, deadline=self._deadline)

    def open(self) -> bool | None:
        """Connect; a connection that cannot be used after all is closed at once."""
        self._deadline = time.monotonic() + ATTEMPT_SECONDS
        try:
            # Django keeps it, and asks for it without a limit.
            _looked_up(DNS_NAME.get_fqdn, "this machine's own name", self._deadline)
            return super().open()
        except Exception:
            self.close()
            raise

    def _close_connection(self, connection: smtplib.SMTP) -> None:
        """Say goodbye if the server lets us: the mail has been taken, or the attempt has failed already."""
        try:
            connection.quit()
        except (OSError, smtplib.SMTPException):
            connection.close()
