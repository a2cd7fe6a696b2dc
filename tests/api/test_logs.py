"""Log lines: context in, secrets out."""

import json
import logging
import sys

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
