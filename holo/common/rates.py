"""How often is too often: a rate as settings name it. Pure."""

import re
from dataclasses import dataclass

_FORM = re.compile(r"([1-9]\d{0,6})/([1-9]\d{0,4}):([1-9]\d{0,6})", re.ASCII)
OFF = "off"


class RateError(ValueError):
    """The text is no rate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """So many calls in so many seconds in the long run, and at most `burst` of them at once."""

    quota: int
    seconds: int
    burst: int

    @property
    def interval(self) -> int:
        """Return the microseconds after which one more call is free."""
        return max(1, self.seconds * 1_000_000 // self.quota)


def parse_rate(text: str) -> Rate | None:
    """Return the rate of `1000/10:2000` (1000 calls in 10 seconds, 2000 at once), None for `off`.

    Raises RateError.
    """
    if text == OFF:
        return None
    found = _FORM.fullmatch(text)
    if found is None:
        raise RateError(f"{text[:40]} is no rate such as 1000/10:2000, nor {OFF}")
    quota, seconds, burst = (int(part) for part in found.groups())
    return Rate(quota=quota, seconds=seconds, burst=burst)
