"""JSON bodies that others guess about; `tests/bad_inputs/` has those that are refused."""

import json
import time

import pytest

from holo.common.api.parsers import MAX_DEPTH, parse_object
from holo.common.errors import RequestError

pytestmark = pytest.mark.pure


def test_syntax_error_names_line_and_column() -> None:
    with pytest.raises(RequestError) as refusal:
        parse_object(b'{\n  "a": 1,\n  "b": nope\n}')
    assert refusal.value.details == {"line": 3, "column": 8}


def test_good_body_is_read_as_the_standard_library_does() -> None:
    text = '{"a": [1, -2, 3.5, true, null, "é\\n\\u00e9 [[{{"], "b": {"c": {}}}'
    assert parse_object(text.encode()) == json.loads(text)


def test_deepest_allowed_body_passes_and_one_more_does_not() -> None:
    inner = "1"
    for _ in range(MAX_DEPTH - 1):
        inner = f"[{inner}]"
    assert parse_object(f'{{"a": {inner}}}'.encode())
    with pytest.raises(RequestError):
        parse_object(f'{{"a": [{inner}]}}'.encode())


def test_brackets_inside_of_texts_do_not_count() -> None:
    assert parse_object(json.dumps({"a": "[" * 1000 + '\\"' + "{" * 1000}).encode())


@pytest.mark.parametrize("unit", [b'\\"', b'"', b"\\", b'{"', b'"a":['])
def test_a_megabyte_of_quotes_is_refused_at_once(unit: bytes) -> None:
    started = time.perf_counter()
    with pytest.raises(RequestError):
        parse_object(b'{"' + unit * (1_000_000 // len(unit)))
    assert time.perf_counter() - started < 5
