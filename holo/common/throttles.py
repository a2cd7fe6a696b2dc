"""Counts calls in Valkey, exactly, however many come at once; without Valkey nobody is held up.

Generic cell rate algorithm (ITU-T I.371): of each bucket one time is kept, the one at which it will be empty
again. Headers as draft-ietf-httpapi-ratelimit-headers has them.
"""

import logging
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from holo.common.errors import ThrottledError
from holo.common.rates import Rate

logger = logging.getLogger(__name__)

# All buckets or none: a call that one of them refuses costs the others nothing. Time is the server's own.
# Returns for each bucket how many microseconds it refuses yet, and how many it was ahead of the clock.
_SPEND = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local waits, ahead, full = {}, {}, false
for i, key in ipairs(KEYS) do
  local interval, burst = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  ahead[i] = math.max(0, tonumber(redis.call('GET', key) or now) - now)
  waits[i] = math.max(0, ahead[i] + interval - interval * burst)
  full = full or waits[i] > 0
end
local found = {}
for i, key in ipairs(KEYS) do
  if not full then
    ahead[i] = ahead[i] + tonumber(ARGV[2 * i - 1])
    redis.call('SET', key, string.format('%.0f', now + ahead[i]), 'PX', math.ceil(ahead[i] / 1000))
  end
  found[2 * i - 1], found[2 * i] = waits[i], ahead[i]
end
return found
"""
# The longest that a call waits for Valkey, and for how long nobody asks it again after that.
_PATIENCE = 0.1
_PAUSE = 5.0
_CONNECTIONS = 32
_silent_until = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """Whose calls are counted together: `policy` names the setting, `of` the caller."""

    policy: str
    of: str
    rate: Rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the fullest bucket says of a call. Times in seconds."""

    policy: str
    rate: Rate
    remaining: int
    wait: float
    reset: float

    @property
    def refused(self) -> bool:
        """Tell whether the call is one too many."""
        return self.wait > 0

    def headers(self) -> dict[str, str]:
        """Return what tells a client how much is left."""
        return {
            "RateLimit-Policy": f'"{self.policy}";q={self.rate.burst};w={self.rate.seconds}',
            "RateLimit": f'"{self.policy}";r={self.remaining};t={math.ceil(self.wait or self.reset)}',
        }


def buckets_of(**callers: object) -> list[Bucket]:
    """Return a bucket for each caller that is given, where its policy is not off: `credential`, `user`, …"""
    found = []
    for policy, caller in callers.items():
        rate: Rate | None = settings.RATES[policy]
        if rate is not None and caller:
            found.append(Bucket(policy=policy, of=str(caller), rate=rate))
    return found


def spend(buckets: Sequence[Bucket]) -> Verdict | None:
    """Count one call in all of `buckets`, or in none if one refuses it; return what the fullest one says.

    None where nothing is counted: no buckets, or no Valkey. Then the call goes on, for orders are taken
    without Valkey too.
    """
    global _silent_until
    if not buckets or time.monotonic() < _silent_until:
        return None
    numbers = [number for bucket in buckets for number in (bucket.rate.interval, bucket.rate.burst)]
    # Not at the top, as in the functions below: a command that counts nothing starts in a tenth less time.
    import redis

    try:
        found = _script(settings.REDIS_URL)(
            keys=[f"holo:rate:{bucket.policy}:{bucket.of}" for bucket in buckets], args=numbers
        )
    except redis.RedisError as error:
        _silent_until = time.monotonic() + _PAUSE
        logger.warning("calls are not counted for %.0f s: %s", _PAUSE, type(error).__name__)
        return None
    verdicts = [
        _verdict(bucket, wait, ahead)
        for bucket, wait, ahead in zip(buckets, found[::2], found[1::2], strict=True)
    ]
    return min(verdicts, key=lambda verdict: (-verdict.wait, verdict.remaining / verdict.rate.burst))


def refuse_excess(verdict: Verdict | None) -> None:
    """Raise ThrottledError where a call is one too many."""
    if verdict is not None and verdict.refused:
        seconds = math.ceil(verdict.wait)
        raise ThrottledError(
            _("too many calls; try again in %(seconds)d s") % {"seconds": seconds},
            retry_after=seconds,
            limit=verdict.policy,
        )


def count_sensitive(person: object) -> None:
    """Count that a person, in a page, is shown or makes what opens something. Raises ThrottledError.

    Counted with the person's calls of that kind by API; the views of the API say which those are.
    """
    refuse_excess(spend(buckets_of(sensitive=person)))


def _verdict(bucket: Bucket, wait: int, ahead: int) -> Verdict:
    interval = bucket.rate.interval
    return Verdict(
        policy=bucket.policy,
        rate=bucket.rate,
        remaining=max(0, (interval * bucket.rate.burst - ahead) // interval),
        wait=wait / 1_000_000,
        reset=ahead / 1_000_000,
    )


@lru_cache(maxsize=4)
def _script(url: str) -> Any:
    """Return the script on a pool of connections to this server."""
    import redis

    pool = redis.BlockingConnectionPool.from_url(
        url,
        max_connections=_CONNECTIONS,
        timeout=_PATIENCE,
        socket_timeout=_PATIENCE,
        socket_connect_timeout=_PATIENCE,
        retry=None,
    )
    return redis.Redis(connection_pool=pool).register_script(_SPEND)


def listen_again() -> None:
    """Ask Valkey with the next call, whatever the last one met."""
    global _silent_until
    _silent_until = 0.0
