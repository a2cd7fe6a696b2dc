"""Backoff: how long a failed message waits, and which topics rest because nothing of theirs gets through."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

FIRST_WAIT = 0.2
LONGEST_WAIT = 30.0
# A topic rests after this many transient failures in a row, with nothing delivered between them.
RESTS_AFTER = 3
LONGEST_REST = 5.0


def backoff(tries: int, *, longest: float = LONGEST_WAIT) -> timedelta:
    """Return the wait after the given number of failures (from 1): doubling, capped, with jitter."""
    ceiling = min(longest, FIRST_WAIT * 2.0 ** min(tries - 1, 30))
    return timedelta(seconds=random.uniform(ceiling / 2, ceiling))


@dataclass(slots=True)
class _Topic:
    failures: int = 0
    until: float = 0.0


class Pauses:
    """Lets a topic whose other side is away rest, but for one message at a time that tries again.

    Without it an outage of Temporal would hold every thread of the relay, and mail would wait too.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._topics: dict[str, _Topic] = {}
        self._clock = clock

    def resting(self) -> list[str]:
        """Name the topics that must not be claimed now."""
        now = self._clock()
        return [name for name, topic in self._topics.items() if self._rests(topic) and now < topic.until]

    def probed(self) -> list[str]:
        """Name the topics of which one message may be tried."""
        now = self._clock()
        return [name for name, topic in self._topics.items() if self._rests(topic) and now >= topic.until]

    def begin_probe(self, name: str) -> None:
        """Note that a message of the topic is being tried: no other until it has ended, or for a while."""
        self._topics[name].until = self._clock() + LONGEST_REST

    def succeeded(self, topic: str) -> None:
        """Note a delivery: the topic is open."""
        self._topics.pop(topic, None)

    def failed(self, name: str) -> None:
        """Note a transient failure."""
        topic = self._topics.setdefault(name, _Topic())
        topic.failures += 1
        if self._rests(topic):
            wait = backoff(topic.failures - RESTS_AFTER + 1, longest=LONGEST_REST)
            topic.until = self._clock() + wait.total_seconds()

    @staticmethod
    def _rests(topic: _Topic) -> bool:
        return topic.failures >= RESTS_AFTER
