"""Fields of request bodies: one form of a value each; `tests/bad_inputs/` has the values that are refused."""

import time
import unicodedata
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from rest_framework.exceptions import ValidationError

from holo.common.api import fields, filters
from holo.common.api.field_errors import field_problems
from holo.common.api.problems import refusal_of_fields
from holo.common.api.serializers import StrictSerializer

pytestmark = pytest.mark.pure
KNOWN = "01890a5d-ac96-774b-bcce-b302099a8057"


class Inner(StrictSerializer):
    """A nested body."""

    sku = fields.IdentifierField(max_length=10)


class Name(fields.IdentifierField):
    """An item of a list."""


class Everything(StrictSerializer):
    """One field of each kind."""

    read_only_names = frozenset({"id", "total"})

    quantity = fields.IntegerField(min_value=1, max_value=10_000, required=False)
    flag = fields.BooleanField(required=False)
    sku = fields.IdentifierField(max_length=10, required=False)
    text = fields.TextField(max_length=10, required=False)
    ref = fields.UuidField(required=False)
    amount = fields.AmountField(required=False)
    at = fields.DateTimeField(required=False)
    kind = fields.ChoiceField(["x", "y"], required=False)
    lines = Inner(many=True, required=False)
    names = fields.ListField(child=Name(max_length=10), max_length=3, required=False)


def problems_of(body: dict[str, Any]) -> list[tuple[str, str]]:
    """Return pointer and code of each problem."""
    serializer = Everything(data=body)
    serializer.is_valid()
    return [(problem.pointer, problem.code) for problem in field_problems(serializer.errors)]


def test_right_values_are_read() -> None:
    serializer = Everything(
        data={
            "quantity": 10_000,
            "flag": False,
            "sku": "iPhone15",
            "text": "e\u0301 \u2764\ufe0f",
            "ref": KNOWN,
            "amount": "500.00",
            "at": "2026-03-01t12:00:00+08:00",
            "kind": "y",
            "lines": [{"sku": "a"}],
        }
    )
    assert serializer.is_valid(), serializer.errors
    values = serializer.validated_data
    assert values["quantity"] == 10_000
    assert values["text"] == "é \u2764\ufe0f"
    assert values["ref"] == UUID(KNOWN)
    assert values["amount"].minor == 500_00
    assert values["at"] == datetime(2026, 3, 1, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-01T04:00:00.1Z", datetime(2026, 3, 1, 4, 0, 0, 100_000, UTC)),
        ("2026-03-01t04:00:00.123456z", datetime(2026, 3, 1, 4, 0, 0, 123_456, UTC)),
        ("2026-03-01T04:00:00.1234569Z", datetime(2026, 3, 1, 4, 0, 0, 123_456, UTC)),
        ("2026-03-01T04:00:00.000000001Z", datetime(2026, 3, 1, 4, tzinfo=UTC)),
        ("2026-03-01T04:00:00." + "9" * 100 + "Z", datetime(2026, 3, 1, 4, 0, 0, 999_999, UTC)),
        ("2026-03-01T04:00:00-00:00", datetime(2026, 3, 1, 4, tzinfo=UTC)),
        ("2026-03-01T04:00:00.5+23:59", datetime(2026, 2, 28, 4, 1, 0, 500_000, UTC)),
        ("2026-02-28T23:59:59-01:30", datetime(2026, 3, 1, 1, 29, 59, tzinfo=UTC)),
        ("1969-12-31T23:00:00-01:00", datetime(1970, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_time_is_read_in_each_form_of_rfc_3339(text: str, moment: datetime) -> None:
    assert fields.parse_moment(text) == moment
    assert filters.moment_filter("x").parse(text) == moment


def test_a_leap_second_is_refused_by_name() -> None:
    with pytest.raises(ValidationError, match="a leap second"):
        fields.parse_moment("2016-12-31T23:59:60Z")


@pytest.mark.parametrize(
    "text", ["0000-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59", "1970-01-01T00:00:00+00:01"]
)
def test_a_year_that_no_time_here_has_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValidationError, match="1970 to 2999"):
        fields.parse_moment(text)


@pytest.mark.parametrize("text", ["e\u0301", "\uac00", "\u212b", "\u0958", "\u1100\u1161"])
def test_a_filter_compares_the_form_that_a_field_stores(text: str) -> None:
    stored = fields.IdentifierField().run_validation(text)
    assert filters.text_filter("x").parse(text) == stored
    assert filters.text_filter("x").parse(unicodedata.normalize("NFD", text)) == stored


@given(st.text(min_size=1, max_size=100))
def test_an_exact_text_comes_back_as_it_is(text: str) -> None:
    assume("\0" not in text)
    assert fields.ExactTextField(allow_blank=True).run_validation(text) == text


def test_strangers_are_refused_not_ignored() -> None:
    found = problems_of({"is_paid": True, "id": 1, "lines": [{"sku": "a"}, {"sku": "b", "x/y": 1}]})
    assert sorted(found) == [
        ("/id", "request.read_only_field"),
        ("/is_paid", "request.unknown_field"),
        ("/lines/1/x~1y", "request.unknown_field"),
    ]


def test_near_miss_is_told_the_right_name() -> None:
    serializer = Everything(data={"quantitty": 1})
    serializer.is_valid()
    assert "quantity" in field_problems(serializer.errors)[0].message


def test_one_shared_code_becomes_the_code_of_the_answer() -> None:
    serializer = Everything(data={"a": 1, "b": 2})
    serializer.is_valid()
    assert refusal_of_fields(field_problems(serializer.errors)).code == "request.unknown_field"


def test_several_codes_become_request_invalid() -> None:
    serializer = Everything(data={"a": 1, "flag": 2})
    serializer.is_valid()
    assert refusal_of_fields(field_problems(serializer.errors)).code == "request.invalid"


def test_body_of_names_alone_costs_and_answers_little() -> None:
    """Each name took a search for a similar one, and its own problem in the response."""
    found = problems_of({f"{'a' * 60}{number}": 1 for number in range(60_000)})
    assert len(found) == 10
    assert {code for _pointer, code in found} == {"request.unknown_field"}


def test_list_that_is_too_long_is_refused_before_its_items_are_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked_at: list[object] = []

    def look_at(_field: Name, data: object) -> object:
        looked_at.append(data)
        return data

    monkeypatch.setattr(Name, "to_internal_value", look_at)
    assert problems_of({"names": ["x"] * 4}) == [("/names", "request.length_out_of_range")]
    assert looked_at == []
    assert problems_of({"names": ["x"] * 3}) == []
    assert looked_at == ["x"] * 3


def test_marks_without_end_are_refused_without_being_put_in_order() -> None:
    """Python orders them in the square of their number, with all threads waiting: this took two minutes."""
    begun = time.monotonic()
    assert problems_of({"text": "a" + "\u0301\u0316" * 250_000}) == [("/text", "request.length_out_of_range")]
    assert time.monotonic() - begun < 5
