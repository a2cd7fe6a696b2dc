"""Fields of request bodies: one form of a value each; `tests/bad_inputs/` has the values that are refused."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from holo.common.api import fields
from holo.common.api.field_errors import field_problems
from holo.common.api.problems import refusal_of_fields
from holo.common.api.serializers import StrictSerializer

pytestmark = pytest.mark.pure
KNOWN = "01890a5d-ac96-774b-bcce-b302099a8057"


class Inner(StrictSerializer):
    """A nested body."""

    sku = fields.IdentifierField(max_length=10)


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
            "text": "e\u0301\u200d",
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
    assert values["text"] == "é\u200d"
    assert values["ref"] == UUID(KNOWN)
    assert values["amount"].minor == 500_00
    assert values["at"] == datetime(2026, 3, 1, 4, tzinfo=UTC)


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
