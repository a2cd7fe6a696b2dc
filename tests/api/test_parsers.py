"""JSON bodies that others guess about."""

import json
import time

import pytest

from holo.common.api.parsers import MAX_DEPTH, parse_object
from holo.common.errors import RequestError

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        (b"[" * 100_000, "request.json_too_deep", None),
        (b'{"a":' * 100_000, "request.json_too_deep", None),
        (b'{"n": ' + b"9" * 5000 + b"}", "request.number_out_of_range", "/n"),
        (b'{"n": 10000000000000000000000}', "request.number_out_of_range", "/n"),
        (b'{"a": {"n": NaN}}', "request.number_not_finite", "/a/n"),
        (b'{"n": [1, -Infinity]}', "request.number_not_finite", "/n/1"),
        (b'{"n": 1e999}', "request.number_not_finite", "/n"),
        (b'{"qty": 1, "qty": 99}', "request.duplicate_key", "/qty"),
        (b'{"a": [{"q": 1, "q": 1}]}', "request.duplicate_key", "/a/0/q"),
        (b'{"a/b": {"~": 1, "~": 2}}', "request.duplicate_key", "/a~1b/~0"),
        (b"", "request.expected_object", None),
        (b"  \n", "request.expected_object", None),
        (b"[]", "request.expected_object", None),
        (b"null", "request.expected_object", None),
        (b'"x"', "request.expected_object", None),
        (b"7", "request.expected_object", None),
        (b'{"t": "\\u0000"}', "request.nul_not_allowed", "/t"),
        (b'{"t": {"\\u0000": 1}}', "request.nul_not_allowed", "/t"),
        (b'{"t": "\\ud800"}', "request.invalid_unicode", "/t"),
        (b'{"\\udfff": 1}', "request.invalid_unicode", ""),
        (b'{"a": 1', "request.json_syntax", None),
        (b"{'a': 1}", "request.json_syntax", None),
        (b'{"a": 01}', "request.json_syntax", None),
        (b'{"a": 1,}', "request.json_syntax", None),
        (b'{"a": "\n"}', "request.json_syntax", None),
        (b'\xef\xbb\xbf{"a": 1}', "request.json_syntax", None),
        ('{"a": 1}'.encode("utf-16"), "request.json_syntax", None),
        ('{"a": "é"}'.encode("latin-1"), "request.json_syntax", None),
        (b'{"a": "\xed\xa0\x80"}', "request.json_syntax", None),
    ],
)
def test_bad_body_is_refused_with_its_code(body: bytes, code: str, pointer: str | None) -> None:
    with pytest.raises(RequestError) as refusal:
        parse_object(body)
    assert refusal.value.code == code
    assert [problem.pointer for problem in refusal.value.errors] == ([] if pointer is None else [pointer])


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
