"""Log lines: context in, secrets out."""

import json
import logging
import re
import sys
import time

import pytest

from holo.apiauth.keys import make_key
from holo.common.context import bound
from holo.common.logs import ContextFilter, JsonFormatter, TextFormatter

pytestmark = pytest.mark.pure


def record_of(message: str, *args: object, exc_info: bool = False) -> logging.LogRecord:
    """Return a record as a handler gets it."""
    info = sys.exc_info() if exc_info else None
    record = logging.LogRecord("holo.test", logging.INFO, __file__, 1, message, args, info)
    assert ContextFilter().filter(record)
    return record


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
def test_line_carries_bound_names(formatter: logging.Formatter) -> None:
    with bound(request_id="r-1", order_id="o-2"):
        record = record_of("hello")
    line = formatter.format(record)
    assert "r-1" in line
    assert "o-2" in line


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
def test_line_carries_no_secret(formatter: logging.Formatter) -> None:
    key = make_key().text
    try:
        raise ValueError(f"Authorization: Bearer {key}")
    except ValueError:
        record = record_of("sent %s to postgres://me:hunter2@host/db, Bearer abc.def", key, exc_info=True)
    line = formatter.format(record)
    for secret in (key, "hunter2", "abc.def"):
        assert secret not in line
    assert key[:13] in line


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
@pytest.mark.parametrize(
    "text",
    [
        "password=hunter2",
        "{'new_password1': 'hunter2', 'a': 1}",
        '{"token": "hunter2"}',
        "SECRET_KEY: hunter2",
        "Cookie: hunter2",
        "csrfmiddlewaretoken=hunter2&next=/",
        "https://a.example/?api_key=hunter2",
        "token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhYmMifQ.hunter2",
        "DETAIL:  Key (lower(email::text))=(hunter2@example.com) already exists.",
        "DETAIL:  Key (a, b)=(1, (hunter2)) is not present in table x.",
        "DETAIL:  Failing row contains (1, hunter2, null).",
    ],
)
def test_what_is_named_a_secret_is_left_out(formatter: logging.Formatter, text: str) -> None:
    line = formatter.format(record_of("got %s, then went on", text))
    assert "hunter2" not in line
    assert "[redacted]" in line
    assert "then went on" in line


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
def test_bound_names_carry_no_secret_either(formatter: logging.Formatter) -> None:
    key = make_key().text
    with bound(reset_token="hunter2", order_id=f"o {key}"):
        line = formatter.format(record_of("hello"))
    assert "hunter2" not in line
    assert key not in line


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
@pytest.mark.parametrize(
    "text", ["SECRET_KEY is not set", "the token's time is over", "tokens: [] of 3", "a=b"]
)
def test_control_other_words_stay(formatter: logging.Formatter, text: str) -> None:
    assert text in formatter.format(record_of("%s", text))


def test_text_line_cannot_be_forged_by_a_line_break() -> None:
    line = TextFormatter().format(record_of("user\r\n12:00 INFO forged \x1b[31m"))
    assert "\n" not in line
    assert "\x1b" not in line


def test_json_line_is_one_object_whose_fixed_names_win() -> None:
    with bound(level="fake", request_id="r"):
        record = record_of("a\nb")
    line = JsonFormatter().format(record)
    parsed = json.loads(line)
    assert "\n" not in line
    assert (parsed["level"], parsed["message"], parsed["request_id"]) == ("INFO", "a\nb", "r")


_RAW = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)
_FORGED = (
    "GET /x\r\n12:00:00.000 INFO    holo.x: forged\x1b[2J\x9b2J\x7f\x00\t\u2028\u2029\x85\u202e\u200b\ud800"
)


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
def test_no_control_character_gets_into_a_line(formatter: logging.Formatter) -> None:
    with bound(path=_FORGED):
        record = record_of("got %s " + _FORGED, _FORGED)
    line = formatter.format(record)
    assert _RAW.search(line) is None
    assert line.encode()


def failed(text: str) -> logging.LogRecord:
    """Return a record of an exception with causes, notes and a group, whose texts hold `text`."""
    try:
        try:
            raise KeyError(text)
        except KeyError as error:
            error.add_note(text)
            raise ExceptionGroup(text, [ValueError(text), OSError(text)]) from error
    except ExceptionGroup:
        return record_of("failed", exc_info=True)


def test_the_text_of_an_exception_forges_no_line() -> None:
    first, *lines = TextFormatter().format(failed(_FORGED)).split("\n")
    assert first.endswith("failed")
    assert len(lines) > 10
    assert all(line.startswith("    ") for line in lines)
    assert all(_RAW.search(line) is None for line in lines)
    assert any('File "' in line for line in lines)
    assert not any(line.strip(" |").startswith("12:00") and "KeyError" in line for line in lines)


def test_a_traceback_in_json_is_one_line() -> None:
    line = JsonFormatter().format(failed(_FORGED))
    assert _RAW.search(line) is None
    assert "forged" in json.loads(line)["exception"]


class Unprintable:
    """What has no text."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
@pytest.mark.parametrize(
    ("message", "args", "shown"),
    [
        ("sent %d token=%s", ("five", "hunter2"), "sent %d token="),
        ("sent %s to %s", ("password=hunter2",), "sent %s to %s"),
        ("sent %s", (Unprintable(), "hunter2"), "sent %s"),
        (Unprintable(), (), "Unprintable"),
    ],
)
def test_a_message_that_cannot_be_made_keeps_its_line_without_its_arguments(
    formatter: logging.Formatter, message: str, args: tuple[object, ...], shown: str
) -> None:
    line = formatter.format(record_of(message, *args))
    assert shown in line
    assert "test_logs.py:1" in line
    assert "hunter2" not in line
    assert "\n" not in line


def test_a_line_made_of_beginnings_of_a_secret_is_read_in_time() -> None:
    began = time.process_time()
    TextFormatter().format(record_of("Key (a)=(" * 10_000))
    # 8 s where each beginning is tried with each end.
    assert time.process_time() - began < 3
