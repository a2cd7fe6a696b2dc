"""Errors of handlers whose text no row can hold, or which end the thread that they are raised in."""

import pytest

from holo.outbox.delivery import Delivery
from holo.outbox.models import OutboxMessage
from tests.live import eventually
from tests.outbox.conftest import PATIENCE, Recorder, RunRelay, plant


class TextlessError(Exception):
    """An error whose class fails to say what it is about."""

    def __str__(self) -> str:
        raise ValueError("no text")


ODD_ERRORS: dict[str, tuple[BaseException, str]] = {
    "nul": (ValueError("a\x00b"), "ValueError: a\\x00b"),
    "half a character": (ValueError("a\ud800b"), "ValueError: a\\ud800b"),
    "secret": (ValueError("password=abc, card 4242 4242 4242 4242"), "ValueError: password=[redacted]"),
    "no text": (TextlessError(), "TextlessError: "),
    "exit": (SystemExit(3), "SystemExit: 3"),
}


@pytest.mark.parametrize("name", ODD_ERRORS)
def test_error_that_no_row_can_hold_stops_neither_the_relay_nor_its_threads(
    run_relay: RunRelay, name: str
) -> None:
    error, text = ODD_ERRORS[name]

    def fail(message: Delivery) -> None:
        raise error

    recorder = Recorder()
    for number in range(4):
        plant(topic="t.failed", key=f"k{number}")
    run_relay({"t.failed": fail, "t.happened": recorder}, threads=2)
    failed = OutboxMessage.objects.filter(topic="t.failed", attempts__gte=1)
    eventually(lambda: failed.count() == 4, within=PATIENCE, what="the failures")
    plant()
    recorder.wait_for(1)
    found = set(OutboxMessage.objects.filter(topic="t.failed").values_list("last_error", flat=True))
    assert all(one.startswith(text) and "4242" not in one for one in found)
