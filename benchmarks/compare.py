"""Whether the time of a refusal tells how much of a key was right: 2 × 10,000 comparisons, by medians.

    .venv/bin/python -m benchmarks.compare

prints one JSON object. Both kinds take turns, so that whatever else the machine does meets both. The noise is
what two halves of the same kind differ by. Times in nanoseconds.
"""

import json
import statistics
import time
from collections.abc import Callable

from holo.apiauth.keys import KeyText, hash_key, make_key, matches

_SAMPLES = 10_000


def _with_secret(key: KeyText, place: int) -> KeyText:
    """Return the key with one character changed; the others are right."""
    other = "A" if key.text[place] != "A" else "B"
    return KeyText(prefix=key.prefix, text=key.text[:place] + other + key.text[place + 1 :])


def _nanoseconds(call: Callable[[], object]) -> int:
    begun = time.perf_counter_ns()
    call()
    return time.perf_counter_ns() - begun


def measure() -> dict[str, float]:
    """Return the medians of a secret wrong at once, and of one wrong in its last character."""
    key = make_key()
    kept = hash_key(key)
    early, late = _with_secret(key, len("holo_org_") + 8), _with_secret(key, -7)
    times: dict[str, list[int]] = {"early": [], "late": []}
    for _sample in range(_SAMPLES):
        times["early"].append(_nanoseconds(lambda: matches(early, kept)))
        times["late"].append(_nanoseconds(lambda: matches(late, kept)))
    medians = {name: statistics.median(taken) for name, taken in times.items()}
    halves = [statistics.median(times["early"][start::2]) for start in (0, 1)]
    return {
        "samples": _SAMPLES,
        "early_ns": medians["early"],
        "late_ns": medians["late"],
        "difference_ns": abs(medians["early"] - medians["late"]),
        "noise_ns": abs(halves[0] - halves[1]),
    }


if __name__ == "__main__":
    print(json.dumps(measure()))
