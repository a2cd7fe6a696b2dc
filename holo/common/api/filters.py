"""Query parameters of lists: declared ones only, each once, each of one form."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from holo.common.api.errors import (
    DuplicateParameterError,
    InvalidBooleanError,
    InvalidChoiceError,
    InvalidIntegerError,
    InvalidTextError,
    UnknownFilterError,
)
from holo.common.api.fields import MAX_INTEGER, parse_moment, parse_uuid, refuse
from holo.common.api.problems import refusal_of_fields
from holo.common.characters import holds_control, normal
from holo.common.errors import FieldProblem

M = TypeVar("M", bound=Model)
_MAX_TEXT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """One parameter: the lookup it narrows by, how its text is read, and its OpenAPI schema."""

    lookup: str
    parse: Callable[[str], object]
    schema: dict[str, Any]
    description: str = ""


Filters = Mapping[str, Filter]


def text_filter(lookup: str, *, max_length: int = _MAX_TEXT, description: str = "") -> Filter:
    """Narrow by a text, compared in the form in which texts are stored.

    Invisible characters are no error here: rows may have them from a time when they were accepted.
    """

    def parse(value: str) -> str:
        text = normal(value)
        if not text or len(text) > max_length or holds_control(text):
            raise refuse(
                InvalidTextError, _("not a text of 1 to %(limit)d characters") % {"limit": max_length}
            )
        return text

    schema = {"type": "string", "minLength": 1, "maxLength": max_length}
    return Filter(lookup=lookup, parse=parse, schema=schema, description=description)


def choice_filter(lookup: str, choices: Iterable[str], *, description: str = "") -> Filter:
    """Narrow by one of some values."""
    known = [str(choice) for choice in choices]
    return Filter(
        lookup=lookup,
        parse=lambda value: _chosen(value, known),
        schema={"type": "string", "enum": known},
        description=description,
    )


def choices_filter(lookup: str, choices: Iterable[str], *, description: str = "") -> Filter:
    """Narrow by several values with commas between; `lookup` ends in `__in`."""
    known = [str(choice) for choice in choices]
    return Filter(
        lookup=lookup,
        parse=lambda value: [_chosen(part, known) for part in value.split(",")],
        schema={"type": "string"},
        description=description or "Values with commas between: " + ", ".join(known),
    )


def uuid_filter(lookup: str, *, description: str = "") -> Filter:
    """Narrow by an id."""
    schema = {"type": "string", "format": "uuid"}
    return Filter(lookup=lookup, parse=parse_uuid, schema=schema, description=description)


def moment_filter(lookup: str, *, description: str = "") -> Filter:
    """Narrow by a time; `lookup` mostly ends in `__gte` or `__lt`."""
    schema = {"type": "string", "format": "date-time"}
    told = description or "RFC 3339 with an offset; digits after the microseconds are dropped."
    return Filter(lookup=lookup, parse=parse_moment, schema=schema, description=told)


def boolean_filter(lookup: str, *, description: str = "") -> Filter:
    """Narrow by true or false."""

    def parse(value: str) -> bool:
        if value not in ("true", "false"):
            raise refuse(InvalidBooleanError, _("neither true nor false"))
        return value == "true"

    return Filter(lookup=lookup, parse=parse, schema={"type": "boolean"}, description=description)


def integer_filter(lookup: str, *, low: int = 0, high: int = MAX_INTEGER, description: str = "") -> Filter:
    """Narrow by an integer."""
    schema = {"type": "integer", "minimum": low, "maximum": high}
    return Filter(
        lookup=lookup,
        parse=lambda value: parse_integer(value, low, high),
        schema=schema,
        description=description,
    )


def parse_integer(value: str, low: int, high: int) -> int:
    """Return the integer that ASCII digits without blanks, sign or leading zeros name."""
    plain = value.isascii() and value.isdecimal() and len(value) <= 19 and (value == "0" or value[0] != "0")
    if not plain or not low <= int(value) <= high:
        message = _("not an integer from %(low)s to %(high)s") % {"low": f"{low:,}", "high": f"{high:,}"}
        raise refuse(InvalidIntegerError, message)
    return int(value)


def _chosen(value: str, known: list[str]) -> str:
    if value not in known:
        raise refuse(InvalidChoiceError, _("none of: %(choices)s") % {"choices": ", ".join(known)})
    return value


def check_parameters(request: Request, known: Iterable[str]) -> None:
    """Refuse query parameters that are not known or come twice."""
    allowed = set(known)
    problems = []
    for name, values in request.query_params.lists():
        shown = name[:64].replace("\0", "")
        if name not in allowed:
            listed = ", ".join(sorted(allowed)) or _("none")
            message = _("unknown parameter; known are: %(names)s") % {"names": listed}
            problems.append(FieldProblem(pointer=shown, code=UnknownFilterError.code, message=message))
        elif len(values) > 1:
            message = _("the parameter is given twice")
            problems.append(FieldProblem(pointer=shown, code=DuplicateParameterError.code, message=message))
    if problems:
        raise refusal_of_fields(problems)


def apply_filters(request: Request, queryset: QuerySet[M], filters: Filters) -> QuerySet[M]:
    """Return the queryset narrowed by the parameters that are given."""
    lookups: dict[str, object] = {}
    problems = []
    for name, declared in filters.items():
        value = request.query_params.get(name)
        if value is None:
            continue
        try:
            lookups[declared.lookup] = declared.parse(value)
        except ValidationError as error:
            problems.append(_problem(name, error))
    if problems:
        raise refusal_of_fields(problems)
    return queryset.filter(**lookups)


def _problem(name: str, error: ValidationError) -> FieldProblem:
    detail = error.detail[0] if isinstance(error.detail, list) else error.detail
    return FieldProblem(pointer=name, code=str(getattr(detail, "code", "")), message=str(detail))
