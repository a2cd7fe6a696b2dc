"""The relay's threads: each takes a claim, delivers it and reports, with fresh database connections."""

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from django.db import close_old_connections, connections

from holo.outbox.claims import Claim
from holo.outbox.delivery import Handlers, Outcome, deliver

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A claim with how its delivery ended."""

    claim: Claim
    outcome: Outcome


class Couriers:
    """A fixed number of threads. `wake` is called, in such a thread, whenever there is a report."""

    def __init__(self, *, threads: int, handlers: Handlers, wake: Callable[[], None]) -> None:
        self._handlers = handlers
        self._wake = wake
        self._jobs: queue.SimpleQueue[Claim | None] = queue.SimpleQueue()
        self._reports: queue.SimpleQueue[Report] = queue.SimpleQueue()
        self._begun: dict[int, Claim] = {}
        self._threads = [
            threading.Thread(target=self._work, name=f"courier-{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def send(self, claim: Claim) -> None:
        """Give a claim to the next free thread."""
        self._jobs.put(claim)

    def reports(self) -> list[Report]:
        """Return what has ended since the last call."""
        return _drained(self._reports)

    def recall(self) -> list[Claim]:
        """Take back the claims that no thread has begun."""
        return [claim for claim in _drained(self._jobs) if claim is not None]

    def dismiss(self, *, timeout: float) -> None:
        """Let the threads end after the delivery in hand; wait up to `timeout` seconds for all of them."""
        for _ in self._threads:
            self._jobs.put(None)
        deadline = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def in_hand(self) -> list[str]:
        """Name the deliveries that have begun and not ended."""
        return [f"message {claim.message.id} ({claim.message.topic})" for claim in list(self._begun.values())]

    def _work(self) -> None:
        while (claim := self._jobs.get()) is not None:
            self._begun[claim.message.id] = claim
            close_old_connections()
            outcome = deliver(claim.message, self._handlers)
            close_old_connections()
            del self._begun[claim.message.id]
            self._reports.put(Report(claim=claim, outcome=outcome))
            self._wake()
        connections.close_all()


def _drained(source: "queue.SimpleQueue[T]") -> list[T]:
    items = []
    while True:
        try:
            items.append(source.get_nowait())
        except queue.Empty:
            return items
