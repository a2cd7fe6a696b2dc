"""UUIDv7 as RFC 9562 has it, rising within the process."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from holo.common.ids import uuid7

pytestmark = pytest.mark.pure


def test_id_carries_version_variant_and_time() -> None:
    before = time.time_ns() // 1_000_000
    made = uuid7()
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert before <= made.int >> 80 <= time.time_ns() // 1_000_000 + 1


def test_ids_rise_strictly_even_within_a_millisecond() -> None:
    made = [uuid7() for _ in range(20_000)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)


def test_ids_of_many_threads_differ() -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: uuid7(), range(8_000)))
    assert len(set(made)) == 8_000
