"""Bodies that are refused before any field is looked at (A01 to A06, A11, A12)."""

from tests.bad_inputs.cases.rows import BodyCase

_DEEP = "nested deeper than 32 levels"
_HUGE = "an integer of too many digits"
_INFINITE = "a number that is not finite"
_TWICE = "one name twice in an object"
_SYNTAX = "no JSON in UTF-8"
_OBJECT = "no JSON object"
_NUL = "U+0000 in a text"
_HALF = "half of a surrogate pair"


def _row(
    case: str,
    what: str,
    code: str,
    label: str,
    body: bytes,
    pointer: str | None = None,
    *,
    empty: bool = False,
) -> BodyCase:
    return BodyCase(
        id=case,
        what=what,
        code=f"request.{code}",
        label=label,
        body=body,
        pointer=pointer,
        needs_fields=empty,
    )


BODIES = (
    _row("A01", _DEEP, "json_too_deep", "100,000 lists", b"[" * 100_000),
    _row("A01", _DEEP, "json_too_deep", "100,000 objects", b'{"a":' * 100_000),
    _row("A01", _DEEP, "json_too_deep", "33 levels", b'{"a":' * 33 + b"1" + b"}" * 33),
    _row("A02", _HUGE, "number_out_of_range", "5,000 digits", b'{"n": ' + b"9" * 5000 + b"}", "/n"),
    _row("A02", _HUGE, "number_out_of_range", "23 digits", b'{"n": 10000000000000000000000}', "/n"),
    _row("A03", _INFINITE, "number_not_finite", "NaN", b'{"a": {"n": NaN}}', "/a/n"),
    _row("A03", _INFINITE, "number_not_finite", "Infinity", b'{"n": Infinity}', "/n"),
    _row("A03", _INFINITE, "number_not_finite", "-Infinity", b'{"n": [1, -Infinity]}', "/n/1"),
    _row("A03", _INFINITE, "number_not_finite", "1e999", b'{"n": 1e999}', "/n"),
    _row("A04", _TWICE, "duplicate_key", "at the root", b'{"qty": 1, "qty": 99}', "/qty"),
    _row("A04", _TWICE, "duplicate_key", "deeper", b'{"a": [{"q": 1, "q": 1}]}', "/a/0/q"),
    _row("A04", _TWICE, "duplicate_key", "with a slash", b'{"a/b": {"~": 1, "~": 2}}', "/a~1b/~0"),
    _row("A05", _SYNTAX, "json_syntax", "truncated", b'{"a": 1'),
    _row("A05", _SYNTAX, "json_syntax", "single quotes", b"{'a': 1}"),
    _row("A05", _SYNTAX, "json_syntax", "leading zero", b'{"a": 01}'),
    _row("A05", _SYNTAX, "json_syntax", "trailing comma", b'{"a": 1,}'),
    _row("A05", _SYNTAX, "json_syntax", "two documents", b"{} {}"),
    _row("A05", _SYNTAX, "json_syntax", "control character", b'{"a": "\n"}'),
    _row("A05", _SYNTAX, "json_syntax", "byte order mark", b'\xef\xbb\xbf{"a": 1}'),
    _row("A05", _SYNTAX, "json_syntax", "UTF-16", '{"a": 1}'.encode("utf-16")),
    _row("A05", _SYNTAX, "json_syntax", "Latin-1", '{"a": "é"}'.encode("latin-1")),
    _row("A05", _SYNTAX, "json_syntax", "surrogate in UTF-8", b'{"a": "\xed\xa0\x80"}'),
    _row("A06", _OBJECT, "expected_object", "list", b"[]"),
    _row("A06", _OBJECT, "expected_object", "null", b"null"),
    _row("A06", _OBJECT, "expected_object", "text", b'"x"'),
    _row("A06", _OBJECT, "expected_object", "number", b"7"),
    _row("A06", _OBJECT, "expected_object", "blanks", b"  \n"),
    _row("A06", _OBJECT, "expected_object", "empty", b"", empty=True),
    _row("A11", _NUL, "nul_not_allowed", "in a value", b'{"t": "\\u0000"}', "/t"),
    _row("A11", _NUL, "nul_not_allowed", "in a name", b'{"t": {"\\u0000": 1}}', "/t"),
    _row("A12", _HALF, "invalid_unicode", "in a value", b'{"t": "\\ud800"}', "/t"),
    _row("A12", _HALF, "invalid_unicode", "in a name", b'{"\\udfff": 1}', ""),
)
