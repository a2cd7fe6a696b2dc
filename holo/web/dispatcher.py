"""Which request a free thread takes: clients take turns, so that many requests of one delay no other."""

from collections import OrderedDict, deque
from typing import Any

from waitress.task import ThreadedTaskDispatcher


class FairQueue:
    """Channels whose request waits for a thread: first in, first out for each client."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, deque[Any]] = OrderedDict()

    def append(self, channel: Any) -> None:
        """Put a channel behind those of its client."""
        self._waiting.setdefault(channel.client, deque()).append(channel)

    def popleft(self) -> Any:
        """Take the next channel of the client whose turn it is; the client goes to the end."""
        client, channels = self._waiting.popitem(last=False)
        channel = channels.popleft()
        if channels:
            self._waiting[client] = channels
        return channel

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))


class FairDispatcher(ThreadedTaskDispatcher):  # type: ignore[misc]  # waitress has no types
    """The threads, before a fair queue."""

    def __init__(self, *, threads: int) -> None:
        super().__init__()
        self.queue = FairQueue()
        self.set_thread_count(threads)
