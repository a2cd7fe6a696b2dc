"""How often somebody may try to get in, counted in PostgreSQL by one atomic statement.

Two counts: of an e-mail address from one address (or /64), and of an address whatever the e-mail. Nobody is
kept out by what others do from elsewhere, so nobody can be locked out for good. An attempt is counted before
the password or the code is looked at, and given back where it was right; so however many come at once, no
more than the limit are looked at. While it waits, further attempts prolong nothing.
"""

import hashlib
from dataclasses import dataclass

from django.conf import settings
from django.db import connection

from holo.common.callers import crowd_of
from holo.common.db import require_transaction

# From one address, so many times the limit of one e-mail address: an office shares it.
_SHARED_BY = 10
_HOUR, _DAY = 3600, 24 * 3600

# Of each count: its limit, and after how much calm since its last wait the next is as short as the first.
_LIMIT = "(CASE WHEN l.key = %(crowd)s THEN %(of_crowd)s ELSE %(of_pair)s END)"
_CALM = "(CASE WHEN l.key = %(crowd)s THEN %(hour)s ELSE %(day)s END)"
_AGO = "clock_timestamp() - make_interval(secs => {})"
# Attempts before an hour without any count no more.
_ATTEMPTS = f"(CASE WHEN l.seen_at < {_AGO.format('%(hour)s')} THEN 1 ELSE l.attempts + 1 END)"
_ROUNDS = f"(CASE WHEN l.blocked_until < {_AGO.format(_CALM)} THEN 0 ELSE l.rounds END)"
# Rows of one statement are locked in their order: the pair, then the address, so there is no deadlock.
# Put together of this module's own parts; values are parameters.
_TAKE = f"""
INSERT INTO staff_loginlimit AS l (key, attempts, rounds, blocked_until, seen_at)
VALUES (%(pair)s, 1, 0, 'epoch', clock_timestamp()), (%(crowd)s, 1, 0, 'epoch', clock_timestamp())
ON CONFLICT (key) DO UPDATE SET
    attempts = CASE WHEN {_ATTEMPTS} >= {_LIMIT} THEN 0 ELSE {_ATTEMPTS} END,
    rounds = {_ROUNDS} + ({_ATTEMPTS} >= {_LIMIT})::int,
    blocked_until = CASE WHEN {_ATTEMPTS} >= {_LIMIT} THEN clock_timestamp() + make_interval(
        secs => least(%(day)s, %(cool_off)s * power(2, least({_ROUNDS}, 30)))) ELSE l.blocked_until END,
    seen_at = clock_timestamp()
WHERE l.blocked_until <= clock_timestamp()
RETURNING key, blocked_until > clock_timestamp()
"""  # noqa: S608
# An attempt that began a wait and was right after all ends it again.
_GIVE_BACK = """
UPDATE staff_loginlimit SET
    attempts = CASE WHEN key = ANY(%(filled)s) THEN
        (CASE WHEN key LIKE 'address:%%' THEN %(of_crowd)s ELSE %(of_pair)s END) - 1
        ELSE greatest(attempts - 1, 0) END,
    rounds = rounds - (key = ANY(%(filled)s) AND rounds > 0)::int,
    blocked_until = CASE WHEN key = ANY(%(filled)s) THEN 'epoch' ELSE blocked_until END
WHERE key = %(key)s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt: whether it may be looked at, and which of the two counts it was the last of."""

    allowed: bool
    pair: str
    crowd: str
    filled: tuple[str, ...]


def count_attempt(email: str, address: str) -> Attempt:
    """Count an attempt to get in; whoever has tried too often must wait."""
    require_transaction()
    crowd = crowd_of(address) or "-"
    pair = f"pair:{_hashed(email.strip().casefold(), crowd)}"
    shared = f"address:{_hashed(crowd)}"
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, {"pair": pair, "crowd": shared, **_limits()})
        counted = dict(cursor.fetchall())
    filled = tuple(key for key, is_last in counted.items() if is_last)
    return Attempt(allowed=len(counted) == 2, pair=pair, crowd=shared, filled=filled)


def give_back(attempt: Attempt) -> None:
    """Take an attempt that was right out of both counts."""
    require_transaction()
    with connection.cursor() as cursor:
        # One after the other, in the order in which they are counted.
        for key in (attempt.pair, attempt.crowd):
            cursor.execute(_GIVE_BACK, {"filled": list(attempt.filled), "key": key, **_limits()})


def forget(attempt: Attempt) -> None:
    """Forget all attempts of the pair: its person is in."""
    require_transaction()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM staff_loginlimit WHERE key = %s", [attempt.pair])


def _limits() -> dict[str, int]:
    attempts = settings.LOGIN_ATTEMPTS
    return {
        "of_pair": attempts,
        "of_crowd": attempts * _SHARED_BY,
        "cool_off": settings.LOGIN_COOL_OFF,
        "hour": _HOUR,
        "day": _DAY,
    }


def _hashed(*parts: str) -> str:
    return hashlib.sha256("|".join(parts).encode()).hexdigest()
