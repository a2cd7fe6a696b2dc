"""Every value of the table against a field of its kind in the base layer, without any server."""

from typing import Any

import pytest
from rest_framework import serializers

from holo.common.api import fields, filters
from holo.common.api.errors import JsonSyntaxError
from holo.common.api.field_errors import field_problems
from holo.common.api.parsers import parse_object
from holo.common.api.serializers import StrictSerializer
from holo.common.errors import RequestError
from orders.api.requests import ItemField
from tests.bad_inputs.cases.bodies import BODIES
from tests.bad_inputs.cases.fields import FIELDS
from tests.bad_inputs.cases.rows import BodyCase, FieldCase
from tests.bad_inputs.surface import Field, Kind

pytestmark = pytest.mark.pure


class Inner(StrictSerializer):
    """A body within the body."""

    name = fields.TextField(required=False)


class Everything(StrictSerializer):
    """One field of each kind."""

    integer = fields.IntegerField(min_value=1, max_value=10_000, required=False)
    identifier = fields.IdentifierField(max_length=64, required=False)
    text = fields.TextField(max_length=64, required=False)
    exact = fields.ExactTextField(max_length=64, required=False)
    amount = fields.AmountField(required=False)
    choice = fields.ChoiceField(["x", "y"], required=False)
    digest = serializers.RegexField(r"^[0-9a-f]{64}$", required=False)
    list = serializers.ListField(child=fields.TextField(), min_length=1, max_length=10_000, required=False)
    object = Inner(required=False)
    line = ItemField(required=False)
    boolean = fields.BooleanField(required=False)
    uuid = fields.UuidField(required=False)
    moment = fields.DateTimeField(required=False)


PARAMETERS = {
    Kind.NAME_PARAMETER: filters.text_filter("x"),
    Kind.CHOICES_PARAMETER: filters.choices_filter("x", ["placed"]),
    Kind.BOOLEAN_PARAMETER: filters.boolean_filter("x"),
    Kind.MOMENT_PARAMETER: filters.moment_filter("x"),
}


def _rows(*, parameters: bool) -> list[Any]:
    return [
        pytest.param(case, id=f"{case.id}-{case.kind.name}-{number}")
        for number, case in enumerate(FIELDS)
        if (case.kind in PARAMETERS) is parameters
    ]


@pytest.mark.parametrize("case", _rows(parameters=False))
def test_value_is_refused_by_the_field(case: FieldCase) -> None:
    for value in case.values(Field(pointer="", kind=case.kind, low=1)):
        serializer = Everything(data={case.kind.value: value})
        assert not serializer.is_valid(), value
        found = {(problem.pointer, problem.code) for problem in field_problems(serializer.errors)}
        assert found == {(f"/{case.kind.value}", case.code)}, value


@pytest.mark.parametrize("case", _rows(parameters=True))
def test_value_is_refused_by_the_filter(case: FieldCase) -> None:
    for value in case.values(Field(pointer="", kind=case.kind)):
        with pytest.raises(serializers.ValidationError) as refusal:
            PARAMETERS[case.kind].parse(value)
        assert isinstance(refusal.value.detail, list), value
        assert getattr(refusal.value.detail[0], "code", "") == case.code, value


@pytest.mark.parametrize("case", [pytest.param(case, id=f"{case.id}-{case.label}") for case in BODIES])
def test_body_is_refused_by_the_parser(case: BodyCase) -> None:
    with pytest.raises(RequestError) as refusal:
        parse_object(case.body)
    assert refusal.value.code == case.code
    assert [problem.pointer for problem in refusal.value.errors] == (
        [] if case.pointer is None else [case.pointer]
    )
    assert not isinstance(refusal.value, JsonSyntaxError) or set(refusal.value.details) == {"line", "column"}
