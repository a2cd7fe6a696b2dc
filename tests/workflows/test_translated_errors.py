"""Whatever a step raises can be told to Temporal: what cannot be told would be tried again for ever."""

from typing import Any
from urllib.error import HTTPError

import pytest
from temporalio.api.failure.v1 import Failure
from temporalio.converter import DataConverter

from holo.common.errors import OutageError
from workflows.runtime.interceptors import _translated
from workflows.runtime.policies import ATTEMPTS, GIVEN_UP

pytestmark = pytest.mark.pure
CARD = "4242 4242 4242 4242"


class Textless(Exception):
    """An error that cannot say what it is about."""

    def __str__(self) -> str:
        raise ValueError(f"card {CARD}")


class Coded(Exception):
    """An error with a code of its library's own kind."""

    def __init__(self, code: Any, text: str = "") -> None:
        super().__init__(text)
        self.code = code


class Codeless(Exception):
    """An error whose code cannot be read."""

    @property
    def code(self) -> str:
        raise ValueError(f"card {CARD}")


class TextlessOutage(OutageError):
    """An outage that cannot say what it is about."""

    __str__ = Textless.__str__


ERRORS: dict[str, tuple[Exception, str]] = {
    "number": (HTTPError("https://pay.example", 404, "no", {}, None), "HTTPError"),  # type: ignore[arg-type]
    "function": (Coded(lambda: "UNAVAILABLE"), "Coded"),
    "ours": (Coded("orders.odd_answer"), "orders.odd_answer"),
    "endless": (Coded("x" * 5000), "x" * 100),
    "no code": (Codeless(), "Codeless"),
    "no text": (Textless(), "Textless"),
    "half a character": (ValueError("a\x00\ud800b"), "ValueError"),
}


def told(error: Exception) -> Failure:
    """Return the error as the worker tells it."""
    failure, converter = Failure(), DataConverter.default
    converter.failure_converter.to_failure(error, converter.payload_converter, failure)
    failure.SerializeToString()
    return failure


@pytest.mark.parametrize("name", ERRORS)
def test_every_error_is_told_and_given_up_in_the_end(name: str) -> None:
    error, code = ERRORS[name]
    first = told(_translated(error, attempt=1, tries=1))
    assert first.application_failure_info.type == code
    last = told(_translated(error, attempt=ATTEMPTS, tries=ATTEMPTS))
    assert last.application_failure_info.type == GIVEN_UP
    assert last.cause.application_failure_info.type == code
    assert CARD not in str(first) + str(last)


def test_outage_without_a_text_stays_an_outage() -> None:
    failure = told(_translated(TextlessOutage(), attempt=1, tries=1))
    assert failure.application_failure_info.type == "outside_unavailable"
