"""Values that a field or a parameter does not take, by what it holds."""

from collections.abc import Sequence

from tests.bad_inputs.cases.rows import FieldCase
from tests.bad_inputs.surface import Field, Json, Kind

UUID = "01890a5d-ac96-774b-bcce-b302099a8057"


def _fixed(*values: Json) -> "_Values":
    return _Values(values)


class _Values:
    """The same values for every field of the kind."""

    def __init__(self, values: Sequence[Json]) -> None:
        self._values = values

    def __call__(self, field: Field) -> Sequence[Json]:
        return self._values


def _integers(field: Field) -> Sequence[Json]:
    beyond = [field.low - 1, field.high + 1, -1, 2**63]
    return [*beyond, 7.9, 7.0, True, "7", "1_0", "１２", " 7 ", "", [], {}]


def _too_long(field: Field) -> Sequence[Json]:
    return ["x" * (field.longest + 1), "x" * 100_000]


def _list_lengths(field: Field) -> Sequence[Json]:
    return [*([[]] if field.low else []), [field.item] * (field.high + 1)]


_MOMENTS = (
    "2024-02-30T00:00:00Z",
    "2024-01-01T00:00:00",
    "9999-01-01T00:00:00Z",
    "1969-12-31T23:59:59Z",
    "2024-01-01",
    "2024-01-01T25:00:00Z",
    "2024-13-01T00:00:00Z",
    "2024-01-01T00:00:00+25:00",
    "٢٠٢٤-01-01T00:00:00Z",
    "2024-01-01 00:00:00Z",
    "now",
    "",
    "2016-12-31T23:59:60Z",
    "2024-01-01T00:00:00+01:60",
    "2024-01-01T24:00:00Z",
    "2024-01-01T00:00:00.Z",
    "2024-01-01T00:00:00,5Z",
    "2024-01-01T00:00:00+0100",
    "0001-01-01T00:00:00+23:59",
)
# What shows nothing or turns the text round, wherever it stands; controls, noncharacters.
_HIDDEN = (
    *("a\u202eb", "a\u200bb", "a\u2028b", "\ufeffa", "a\u00adb", "a\U000e0041b", "a\u2066b", "a\u061cb"),
    *("a\u3164b", "a\u2800b", "a\u034fb", "a\ufe0fb", "a\U000e0100b", "a\u115fb", "a\u1160b", "a\uffa0b"),
    *("a\u17b4b", "a\u180eb", "a\u2060b", "a\ufff9b", "a\U0001d173b", "a\U0001d159b", "a\U000e0fffb"),
    *("a\u200db", "a\u200cb", "a\u0085b", "a\ufffeb", "a\ufdd0b", "a\U0010ffffb", "a\u2029b"),
)
_BLANK = ("a\tb", " a", "a ", "a\x07b", "a\x7fb", "\u3000a")

_CONTROL = "a control or invisible character in free text"
_TEXT = "another type where a text belongs"
_LONG = "longer than allowed"
_CHOICE = "none of the possible values"

FIELDS = (
    FieldCase(
        id="A13",
        what="an invisible or direction-changing character in a name",
        code="request.invalid_text",
        kind=Kind.IDENTIFIER,
        values=_fixed(*_HIDDEN, *_BLANK),
    ),
    FieldCase(
        id="A14",
        what="no JSON integer in the range",
        code="request.invalid_integer",
        kind=Kind.INTEGER,
        values=_integers,
    ),
    FieldCase(
        id="A15",
        what="no amount of the currency",
        code="request.invalid_amount",
        kind=Kind.AMOUNT,
        values=_fixed(
            *(1.1, 500.0, "1_000", "١٢٣", "1e5", "-0.00", "NaN", "1.005", "1.", ".5", "01", "", " 1", "1 "),
            *("1,000.00", "¥5", "+1", True, -1, [], {}),
        ),
    ),
    FieldCase(
        id="A18",
        what="a UUID in another than its usual form",
        code="request.invalid_id",
        kind=Kind.UUID,
        values=_fixed(5, f"{{{UUID}}}", f"urn:uuid:{UUID}", UUID.replace("-", ""), "", "x", True, []),
    ),
    FieldCase(
        id="A20",
        what="no RFC 3339 time with an offset",
        code="request.invalid_datetime",
        kind=Kind.MOMENT,
        values=_fixed(*_MOMENTS, 1, True, []),
    ),
    FieldCase(
        id="A20",
        what="no RFC 3339 time with an offset",
        code="request.invalid_datetime",
        kind=Kind.MOMENT_PARAMETER,
        values=_fixed(*_MOMENTS),
    ),
    FieldCase(
        id="A25",
        what="too few or too many lines",
        code="request.length_out_of_range",
        kind=Kind.LIST,
        values=_list_lengths,
    ),
    FieldCase(
        id="A52",
        what=_LONG,
        code="request.length_out_of_range",
        kind=Kind.IDENTIFIER,
        values=lambda field: ["", *_too_long(field)],
    ),
    FieldCase(id="A52", what=_LONG, code="request.length_out_of_range", kind=Kind.TEXT, values=_too_long),
    FieldCase(id="A52", what=_LONG, code="request.length_out_of_range", kind=Kind.EXACT, values=_too_long),
    FieldCase(
        id="A52",
        what=_LONG,
        code="request.invalid_text",
        kind=Kind.NAME_PARAMETER,
        values=_fixed("", "x" * 5000, "a\x00b", "a\nb"),
    ),
    FieldCase(
        id="A53",
        what=_TEXT,
        code="request.invalid_text",
        kind=Kind.IDENTIFIER,
        values=_fixed(5, 1.5, True, [], {}),
    ),
    FieldCase(
        id="A53", what=_TEXT, code="request.invalid_text", kind=Kind.TEXT, values=_fixed(5, 1.5, True, [], {})
    ),
    FieldCase(
        id="A53",
        what=_TEXT,
        code="request.invalid_text",
        kind=Kind.EXACT,
        values=_fixed(5, 1.5, True, [], {}),
    ),
    FieldCase(
        id="A13",
        what=_CONTROL,
        code="request.invalid_text",
        kind=Kind.TEXT,
        values=_fixed("a\x07b", "a\x7fb", "\x1b[31m", "a\rb", " ", "\n", *_HIDDEN),
    ),
    FieldCase(
        id="A54",
        what=_CHOICE,
        code="request.invalid_choice",
        kind=Kind.CHOICE,
        values=_fixed("no such", "", 1, True, [], {}),
    ),
    FieldCase(
        id="A54",
        what=_CHOICE,
        code="request.invalid_choice",
        kind=Kind.CHOICES_PARAMETER,
        values=_fixed("no such", "", ",", "placed,", "placed,no such", "PLACED", "x" * 5000, "\x00"),
    ),
    FieldCase(
        id="A54",
        what="neither true nor false",
        code="request.invalid_boolean",
        kind=Kind.BOOLEAN_PARAMETER,
        values=_fixed("1", "0", "True", "yes", "", "true,false", "\x00"),
    ),
    FieldCase(
        id="A54",
        what="neither true nor false",
        code="request.invalid_boolean",
        kind=Kind.BOOLEAN,
        values=_fixed(1, 0, "true", "yes", []),
    ),
    FieldCase(
        id="A56",
        what="another type than the field's, or another form",
        code="request.invalid_value",
        kind=Kind.LIST,
        values=_fixed("x", 5, {}, True),
    ),
    FieldCase(
        id="A56",
        what="another type than the field's, or another form",
        code="request.expected_object",
        kind=Kind.OBJECT,
        values=_fixed("x", 5, [], True),
    ),
    FieldCase(
        id="A56",
        what="another type than the field's, or another form",
        code="request.expected_object",
        kind=Kind.LINE,
        values=_fixed(5, 1.5, True, []),
    ),
    FieldCase(
        id="A56",
        what="another type than the field's, or another form",
        code="request.invalid_value",
        kind=Kind.DIGEST,
        values=_fixed("x", "A" * 64, "a" * 63, "a" * 65),
    ),
    FieldCase(
        id="A13",
        what="an invisible or direction-changing character in a name",
        code="request.invalid_text",
        kind=Kind.LINE,
        values=_fixed(*_HIDDEN, *_BLANK),
    ),
)
