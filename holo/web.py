"""The web process's worker: gunicorn's threads, with a limit on how long a request may take to arrive.

Without one a client that sends a byte a second holds a thread for as long as it likes. What gunicorn itself
refuses looks like every other refusal.
"""

import logging
import time
from typing import Any

from gunicorn import util
from gunicorn.http import wsgi
from gunicorn.workers import gthread

from holo.common.characters import escaped
from holo.common.logs import redacted, traceback_lines

# From the first byte to the last of headers and body together.
RECEIVE_SECONDS = 20.0
_FIRST_BYTE_SECONDS = 5.0


class SlowHeadersError(Exception):
    """The headers did not arrive in time."""


class BoundedThreads(gthread.ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """Answers 408 to requests that do not arrive in time, and problem documents to those nobody can read."""

    def init_process(self) -> None:
        """Begin to serve."""
        for log in (self.log.error_log, self.log.access_log):
            log.addFilter(_safe_to_print)
        super().init_process()

    def handle(self, conn: Any) -> Any:
        """Serve one request of a connection, reading under a deadline.

        A silent connection goes back to the poller. Gunicorn must not wait for it a second time: a request
        that arrives meanwhile would be read without the deadline.
        """
        if not conn.initialized and not conn.wait_for_data(_FIRST_BYTE_SECONDS):
            return gthread._DEFER
        conn.sock.setblocking(True)
        conn.init()
        unreader = conn.parser.unreader
        unreader.chunk = _Deadline(unreader, conn.sock, time.monotonic() + RECEIVE_SECONDS)
        return super().handle(conn)

    def handle_request(self, req: Any, conn: Any) -> Any:
        """Hand a request over whose headers are read."""
        conn.parser.unreader.chunk.in_body = True
        return super().handle_request(req, conn)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Log and choose the status as gunicorn does, and send the answer as the API does."""
        if isinstance(exc, SlowHeadersError):
            self.log.warning("a request's headers took longer than %d s", RECEIVE_SECONDS)
            status = 408
        else:
            unsent = _Unsent()
            super().handle_error(req, unsent, addr, exc)
            status = unsent.status
        # Django is set up only when the worker has loaded the application.
        from holo.common.api.unread import answer_to_unread

        try:
            util.write_nonblock(client, answer_to_unread(status))
        except OSError:
            self.log.debug("the refusal could not be sent")


def _safe_to_print(record: logging.LogRecord) -> bool:
    """Take keys from what gunicorn logs of a request, and escape what could forge a line."""
    record.msg, record.args = redacted(escaped(record.getMessage())), ()
    error = record.exc_info[1] if record.exc_info else None
    if error is not None:
        # `Formatter` prints this text instead of making its own.
        record.exc_text = redacted("\n".join(f"    {line}" for line in traceback_lines(error)))
    return True


class _Nameless(wsgi.Response):  # type: ignore[misc]  # gunicorn has no types
    """An answer that does not say which server gives it."""

    def default_headers(self) -> list[str]:
        """Leave one of gunicorn's own headers out."""
        return [line for line in super().default_headers() if not line.startswith("Server:")]


# A threaded worker has no other place to say what its answers are made by.
wsgi.Response = _Nameless


class _Unsent:
    """Takes the line of HTML that gunicorn would send, for its status."""

    status = 500

    def gettimeout(self) -> float:
        """Say that sending does not wait."""
        return 0.0

    def sendall(self, answer: bytes) -> None:
        """Read the status."""
        self.status = int(answer.split(b" ", 2)[1])


class _Deadline:
    """Reads the next piece from the socket, unless the time is up."""

    def __init__(self, unreader: Any, sock: Any, deadline: float) -> None:
        self._read = type(unreader).chunk
        self._unreader = unreader
        self._sock = sock
        self._deadline = deadline
        self.in_body = False

    def __call__(self, size_hint: int | None = None) -> bytes:
        left = self._deadline - time.monotonic()
        try:
            if left <= 0:
                raise TimeoutError
            self._sock.settimeout(left)
            piece: bytes = self._read(self._unreader, size_hint)
        except TimeoutError:
            # Django turns the one into its own error; the other is caught above.
            raise TimeoutError("the body is too slow") if self.in_body else SlowHeadersError from None
        finally:
            # The answer is not sent under this limit.
            self._sock.settimeout(None)
        return piece
