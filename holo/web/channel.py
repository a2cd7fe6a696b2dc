"""One connection: how long it may keep the server waiting, and what is answered where it takes too long."""

import socket
import time
from typing import Any

from waitress.channel import HTTPChannel
from waitress.task import ErrorTask, WSGITask

from holo.common.api.errors import InternalError
from holo.common.callers import crowd_of, forwarded_address
from holo.web.parser import RefusedRequest, RequestParser
from holo.web.unread import REFUSALS, TOO_SLOW, refusal_of_unread

_DISCARDED_AT_ONCE = 65_536
# Waitress reads as much of a response as the system might buffer, megabytes of a file, for clients that have
# gone too. While it does so for one after the other, new connections wait.
_SENT_AT_ONCE = 65_536


class _SlowRequest(RefusedRequest):
    """Headers or body did not arrive in time."""

    def __init__(self, part: str) -> None:
        super().__init__(TOO_SLOW[part].status)
        self.refusal = TOO_SLOW[part]


class ResponseTask(WSGITask):  # type: ignore[misc]  # waitress has no types
    """Runs the application for one request, in a thread."""

    def service(self) -> None:
        """Run it; from then on the server waits for the client again."""
        try:
            super().service()
        finally:
            self.channel.note_response()

    def execute(self) -> None:
        """Run it; the last response of a server that stops says so."""
        if self.channel.server.stopping:
            self.set_close_on_finish()
        try:
            super().execute()
        except OSError as error:
            # Waitress takes it for the client's end and says nothing. Clients that go raise another error.
            raise RuntimeError("the application failed") from error

    def set_close_on_finish(self) -> None:
        """End the connection after this response, unless waitress ends it for want of a length.

        A response that has no body, such as 304, needs none.
        """
        if self.has_body or self.request.connection_close or self.channel.server.stopping:
            super().set_close_on_finish()

    def write(self, data: bytes) -> None:
        """Send a piece; Django leaves it to the server to send no body for HEAD."""
        super().write(b"" if self.request.command == "HEAD" else data)


class RefusalTask(ErrorTask):  # type: ignore[misc]  # waitress has no types
    """Sends the refusal of a request that was not read to its end."""

    def service(self) -> None:
        """Send it; what still arrives is discarded."""
        try:
            super().service()
        finally:
            self.channel.refused = True
            self.channel.note_response()

    def execute(self) -> None:
        """Send a problem document, as the API does."""
        error = self.request.error
        refusal = getattr(error, "refusal", None) or REFUSALS.get(error.code, InternalError)
        self.status, headers, body = refusal_of_unread(refusal)
        self.response_headers.extend(headers.items())
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class Channel(HTTPChannel):  # type: ignore[misc]  # waitress has no types
    """A connection that knows since when the server waits for its client."""

    parser_class = RequestParser
    task_class = ResponseTask
    error_task_class = RefusalTask
    # Of waitress: the request that has arrived in part, whether to close once all is sent, and how many bytes
    # are read of a response before they are sent.
    request: RequestParser | None
    close_when_flushed: bool
    sendbuf_len: int

    def __init__(self, server: Any, sock: socket.socket, addr: Any, adj: Any, map: Any = None) -> None:
        # Since the connection, the first byte of a request, or the end of a response.
        self.waits_since = time.monotonic()
        # Who is behind the connection; empty for an own proxy, as long as it has not said so.
        self.client = "" if server.hops else crowd_of(addr[0])
        # Whether the last request was refused, so that more of it may arrive.
        self.refused = False
        # Whether the next request is here already and waits until the client has taken the last response.
        self.held_back = False
        self._discards = False
        super().__init__(server, sock, addr, adj, map=map)
        self.sendbuf_len = min(self.sendbuf_len, _SENT_AT_ONCE)

    @property
    def in_hand(self) -> bool:
        """Tell whether a whole request waits for a thread or has one."""
        return bool(self.requests) and not self.held_back

    @property
    def is_silent(self) -> bool:
        """Tell whether the connection waits for the first byte of a request."""
        return not (self.requests or self.request or self.total_outbufs_len or self.close_when_flushed)

    def received(self, data: bytes) -> bool:
        """Read a piece of what arrived."""
        # Blank lines before a request are no beginning.
        if self.request is None and data.strip():
            self.waits_since = time.monotonic()
        more: bool = super().received(data)
        # With a request in hand a thread may be at work here; `Server.add_task` has seen to that request.
        if self.request is not None and self.request.headers_finished and not self.in_hand:
            self.recognise(self.request)
        return more

    def recognise(self, request: RequestParser) -> None:
        """Count a request that an own proxy passes on for the client that the proxy names."""
        if self.server.hops and not self.client:
            header = request.headers.get("X_FORWARDED_FOR", "")
            self.client = crowd_of(forwarded_address(header, hops=self.server.hops))

    def note_response(self) -> None:
        """Begin to wait for the client: it takes the response, then it may send a request."""
        self.waits_since = time.monotonic()
        if self.server.hops:
            self.client = ""

    def end_if_late(self, now: float) -> None:
        """Refuse or close what keeps the server waiting for too long."""
        self._serve_next()
        if self.in_hand:
            return
        limits = self.server.limits
        if self._discards:
            limit = limits.receive_seconds
        elif self.total_outbufs_len or self.close_when_flushed:
            limit = limits.send_seconds
        else:
            limit = limits.receive_seconds if self.request else limits.idle_seconds
        if now - self.waits_since <= limit:
            return
        if self.request is not None and not self.total_outbufs_len:
            self._refuse_slow(self.request)
        else:
            self.handle_close()

    def _refuse_slow(self, request: RequestParser) -> None:
        with self.requests_lock:
            self.request = None
            request.error = _SlowRequest("body" if request.headers_finished else "headers")
            request.completed = True
            self.requests.append(request)
        self.server.add_task(self)

    def _flush_outbufs_below_high_watermark(self) -> None:
        """Do nothing. Waitress lets the thread wait here until the client takes its responses."""

    def _serve_next(self) -> None:
        """Let a thread serve the next request once the client has taken the last response."""
        with self.requests_lock:
            if self.connected and self.held_back and not self.total_outbufs_len:
                self.held_back = False
                self.server.add_task(self)

    def writable(self) -> bool:
        """Tell whether there is something to send, or a request to go on with once all is sent."""
        return self.held_back or bool(super().writable())

    def readable(self) -> bool:
        """Tell whether to read, if only to discard."""
        return bool(self.server.may_discard() if self._discards else super().readable())

    def handle_read(self) -> None:
        """Read a piece; discard it where the request is refused already."""
        if not self._discards:
            super().handle_read()
            return
        try:
            self.server.discarded += len(self.recv(_DISCARDED_AT_ONCE))
        except OSError:
            self.handle_close()

    def handle_write(self) -> None:
        """Send a piece. After a refusal the rest of the request is discarded before the connection closes.

        Closed at once with bytes unread, it would be reset, and the client would not see why.
        """
        last = self.refused and self.close_when_flushed and not self.will_close
        if last:
            self.close_when_flushed = False
        super().handle_write()
        self._serve_next()
        if not last or not self.connected:
            return
        if self.total_outbufs_len:
            self.close_when_flushed = True
            return
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            self.handle_close()
        self._discards = True
