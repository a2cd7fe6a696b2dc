"""Identifiers that sort by time."""

import os
import threading
import time
from uuid import UUID

_lock = threading.Lock()
_last = (0, 0)
_RANDOM_BITS = 74


def uuid7() -> UUID:
    """Return a new UUIDv7: 48 bits of Unix milliseconds, then 74 random bits (RFC 9562, section 5.7).

    Those of one process rise strictly: within a millisecond the random part is counted up by a random step
    (section 6.2, method 2).
    """
    global _last
    random = int.from_bytes(os.urandom(10), "big")
    with _lock:
        milliseconds, tail = time.time_ns() // 1_000_000, random & ((1 << _RANDOM_BITS - 1) - 1)
        if milliseconds <= _last[0]:
            milliseconds, tail = _last[0], _last[1] + 1 + (random & 0xFFFF_FFFF)
            if tail >> _RANDOM_BITS:
                milliseconds, tail = milliseconds + 1, 0
        _last = (milliseconds, tail)
    high, low = tail >> 62, tail & 0x3FFF_FFFF_FFFF_FFFF
    return UUID(int=(milliseconds << 80) | (0x7 << 76) | (high << 64) | (0b10 << 62) | low)
