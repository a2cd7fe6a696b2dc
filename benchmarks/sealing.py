"""What sealing adds to a payload: plain and sealed converters take turns on the same contract, by medians.

    .venv/bin/python -m benchmarks.sealing

prints one JSON object; no server is needed. One sample is one way through: value → payload → value. The noise
is what two halves of the plain samples differ by. Times in microseconds, sizes in bytes.
"""

import asyncio
import json
import statistics
import time
from uuid import UUID

from temporalio.converter import DataConverter

from holo.secretstore.keyring import Keyring, make_entry, parse_keyring
from workflows.orders.contracts import OrderRef
from workflows.runtime.converter import data_converter

_SAMPLES = 10_000
_REF = OrderRef(order_id=UUID("01890a5d-ac96-774b-bcce-b302099a8057"))


async def _through(converter: DataConverter) -> int:
    begun = time.perf_counter_ns()
    payloads = await converter.encode([_REF])
    await converter.decode(payloads, [OrderRef])
    return time.perf_counter_ns() - begun


async def _size(converter: DataConverter) -> int:
    (payload,) = await converter.encode([_REF])
    return payload.ByteSize()


async def measure() -> dict[str, float]:
    """Return the medians of both, their ratio, and the sizes."""
    converters = {"plain": data_converter(parse_keyring("")), "sealed": data_converter(_ring())}
    times: dict[str, list[float]] = {name: [] for name in converters}
    for _sample in range(_SAMPLES):
        for name, converter in converters.items():
            times[name].append(await _through(converter) / 1000)
    medians = {name: statistics.median(taken) for name, taken in times.items()}
    halves = [statistics.median(times["plain"][start::2]) for start in (0, 1)]
    return {
        "samples": _SAMPLES,
        "plain_us": round(medians["plain"], 1),
        "sealed_us": round(medians["sealed"], 1),
        "ratio": round(medians["sealed"] / medians["plain"], 2),
        "noise_us": round(abs(halves[0] - halves[1]), 1),
        **{f"{name}_bytes": await _size(converter) for name, converter in converters.items()},
    }


def _ring() -> Keyring:
    return parse_keyring(make_entry("t1"))


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measure())))
