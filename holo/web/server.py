"""Accepts connections, limits how many one client holds, and stops without losing a request."""

import logging
import resource
import time
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings
from waitress import wasyncore
from waitress.server import TcpWSGIServer

from holo.web.channel import Channel
from holo.web.dispatcher import FairDispatcher

logger = logging.getLogger(__name__)

# Those that are accepted are served before the next are, or connections would come faster than they end.
_ACCEPTED_AT_ONCE = 16
_DISCARDED_A_SECOND = 32 * 1024 * 1024
# Files besides the one of each connection: of PostgreSQL, Valkey, logs, listening.
_OTHER_FILES = 200
# A connection, a request and a response that are too large for memory.
_FILES_EACH = 3
_NEW_SECONDS = _LAST_SECOND = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long clients may keep the server waiting, and how many connections there may be."""

    # From the first byte of a request to its last.
    receive_seconds: float = 20.0
    # From the end of a response to its last byte on the wire.
    send_seconds: float = 60.0
    # Longer than the 60 s for which proxies usually keep connections, so that they close them first.
    idle_seconds: float = 75.0
    connections: int = 1000
    connections_per_client: int = 100


class Server(TcpWSGIServer):  # type: ignore[misc]  # waitress has no types
    """A listening socket with its connections; one thread reads and writes them all."""

    channel_class = Channel

    def __init__(self, application: Any, *, limits: Limits, hops: int, **adjustments: Any) -> None:
        self.limits = limits
        self.hops = hops
        self.stopping = False
        # Bytes of refused requests, in this second.
        self.discarded = 0
        self._is_due = False
        super().__init__(application, **adjustments)

    def handle_accept(self) -> None:
        """Take the connections that wait, not all at once where there are many."""
        for _turn in range(_ACCEPTED_AT_ONCE):
            try:
                pair = self.accept()
                if pair is None:
                    return
                connection, address = pair
                self.set_socket_options(connection)
            except OSError:
                # The client has gone already.
                return
            self.channel_class(self, connection, address, self.adj, map=self._map)

    def add_task(self, task: Channel) -> None:
        """Let a thread serve the first request of a channel, once the client has taken all responses before.

        Otherwise a client that sends many requests and takes no response could fill the memory.
        """
        task.recognise(task.requests[0])
        task.held_back = task.total_outbufs_len > 0
        if not task.held_back:
            super().add_task(task)

    def maintenance(self, now: float) -> None:
        """Look for late connections after this turn. Waitress calls this once a second."""
        self._is_due = True

    def may_discard(self) -> bool:
        """Tell whether there is time to discard more, which must not take the processor from requests."""
        return self.discarded < _DISCARDED_A_SECOND

    def stop(self) -> None:
        """Let `run` end soon; may be called in a signal handler."""
        self.stopping = True
        self.pull_trigger()

    def run(self) -> int:
        """Serve until `stop`, then finish what is in hand; return how many requests are left."""
        while not self.stopping:
            self._turn()
        until = time.monotonic() + settings.STOP_SECONDS - _LAST_SECOND
        # Connections that the system has accepted already are served.
        self.handle_accept()
        wasyncore.dispatcher.close(self)
        while self._close_silent() and time.monotonic() < until:
            self._turn()
        return sum(channel.in_hand for channel in self._channels())

    def _close_silent(self) -> bool:
        """Close connections without a request; return whether others are left."""
        for channel in self._channels():
            if channel.is_silent:
                channel.handle_close()
        return bool(self.active_channels)

    def _turn(self) -> None:
        """Read and write what is ready, then close connections.

        Not in between: a new connection could get the number of a closed one, and with it an event that was
        meant for the old one.
        """
        wasyncore.loop(timeout=self.adj.asyncore_loop_timeout, use_poll=True, map=self._map, count=1)
        if self._is_due:
            self._is_due = False
            self.discarded = 0
            self._end_late()
        while len(self.active_channels) > self.limits.connections and self._close_one():
            pass

    def _end_late(self) -> None:
        """Close what is late, and the oldest connections of clients with too many.

        A new one has a second to send its request, even while somebody behind the same address opens one
        after the other.
        """
        now = time.monotonic()
        for channel in self._channels():
            channel.end_if_late(now)
        for client, count in Counter(channel.client for channel in self._channels()).items():
            excess = count - self.limits.connections_per_client
            if client and excess > 0:
                for channel in self._waiting(client)[:excess]:
                    if now - channel.waits_since > _NEW_SECONDS:
                        channel.handle_close()

    def _close_one(self) -> bool:
        """Close the oldest connection of the client with the most; return whether there was one to close."""
        held = Counter(channel.client for channel in self._channels() if not channel.in_hand)
        if not held:
            return False
        self._waiting(max(held, key=held.__getitem__))[0].handle_close()
        return True

    def _waiting(self, client: str) -> list[Channel]:
        """Return a client's connections without a request in hand, oldest first: how long each has waited."""
        own = [channel for channel in self._channels() if channel.client == client and not channel.in_hand]
        return sorted(own, key=lambda channel: channel.waits_since)

    def _channels(self) -> list[Channel]:
        return list(self.active_channels.values())


def make_server(application: Any, *, address: str, port: int, limits: Limits) -> Server:
    """Return a server that listens; raises OSError where it cannot."""
    # It would warn of each request that waits for a thread.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    return Server(
        application,
        limits=limits,
        hops=settings.PROXY_HOPS,
        host=address,
        port=port,
        dispatcher=FairDispatcher(threads=settings.WEB_THREADS),
        # No name and no version in answers.
        ident=None,
        # The product reads them itself, by PROXY_HOPS.
        clear_untrusted_proxy_headers=False,
        log_socket_errors=False,
        max_request_header_size=32 * 1024,
        # The first length that is refused.
        max_request_body_size=int(settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0) + 1,
        # What is larger goes to temporary files.
        inbuf_overflow=64 * 1024,
        outbuf_overflow=256 * 1024,
        cleanup_interval=1,
        # The server itself makes room.
        connection_limit=2**31,
        asyncore_use_poll=True,
        server_name=address,
    )


def with_files(limits: Limits) -> Limits:
    """Raise this process's limit of open files to what `limits` need; return those that it can keep."""
    wanted = limits.connections * _FILES_EACH + _OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))
    possible = (resource.getrlimit(resource.RLIMIT_NOFILE)[0] - _OTHER_FILES) // _FILES_EACH
    if possible >= limits.connections:
        return limits
    logger.warning("only %d connections at the same time: the limit of open files is too low", possible)
    return replace(limits, connections=possible)
