"""Pages of long lists by cursor: stable under inserts, as fast on page 1,000 as on page 1."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.core import signing
from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet
from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError as FieldError
from rest_framework.request import Request
from rest_framework.utils.urls import replace_query_param

from holo.common.api.errors import InvalidCursorError, LimitOutOfRangeError
from holo.common.api.filters import parse_integer
from holo.common.errors import FieldProblem

M = TypeVar("M", bound=Model)
DEFAULT_LIMIT = 50
MAX_LIMIT = 200
PARAMETERS = ("cursor", "limit")
# More than the longest value that an order of ours has, in UTF-8 and base64; less than a request line.
_MAX_CURSOR = 4000
_FORWARD, _BACKWARD = "f", "b"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[M]):
    """Rows of one page, and the addresses of its neighbours."""

    rows: Sequence[M]
    next: str | None
    previous: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cursor:
    direction: str
    values: list[Any]


def paginate(request: Request, queryset: QuerySet[M], *, ordering: tuple[str, ...]) -> Page[M]:
    """Return the page that `?cursor=&limit=` name.

    `ordering` are fields, `-` for descending, relations by `__`; together they must be unique and not null.
    """
    limit = _limit(request)
    cursor = _read(request, ordering, queryset)
    backward = cursor is not None and cursor.direction == _BACKWARD
    effective = tuple(_turned(name) for name in ordering) if backward else ordering
    if cursor is not None:
        queryset = queryset.filter(_after(effective, cursor.values))
    rows = list(queryset.order_by(*effective)[: limit + 1])
    more = len(rows) > limit
    rows = rows[:limit]
    if backward:
        rows.reverse()
    has_next = bool(rows) and (more or backward)
    has_previous = bool(rows) and (more if backward else cursor is not None)
    return Page(
        rows=rows,
        next=_link(request, _FORWARD, rows[-1], ordering) if has_next else None,
        previous=_link(request, _BACKWARD, rows[0], ordering) if has_previous else None,
    )


def _limit(request: Request) -> int:
    text = request.query_params.get("limit")
    if text is None:
        return DEFAULT_LIMIT
    try:
        return parse_integer(text, 1, MAX_LIMIT)
    except FieldError:
        message = _("limit is an integer from 1 to %(limit)d") % {"limit": MAX_LIMIT}
        wrong = FieldProblem(pointer="limit", code=LimitOutOfRangeError.code, message=message)
        raise LimitOutOfRangeError(message, errors=[wrong]) from None


def _turned(name: str) -> str:
    return name[1:] if name.startswith("-") else f"-{name}"


def _after(ordering: tuple[str, ...], values: list[Any]) -> Q:
    """Return the condition "comes after `values`" for fields in mixed directions."""
    condition, equal = Q(), Q()
    for name, value in zip(ordering, values, strict=True):
        plain = name.removeprefix("-")
        beyond = "lt" if name.startswith("-") else "gt"
        condition |= equal & Q(**{f"{plain}__{beyond}": value})
        equal &= Q(**{plain: value})
    return condition


class _Utf8:
    """Cursors as JSON in UTF-8: escaped, a long name in another script would not fit into an address."""

    def dumps(self, obj: Any) -> bytes:
        return json.dumps(obj, ensure_ascii=False, separators=(",", ":")).encode()

    def loads(self, data: bytes) -> Any:
        return json.loads(data)


def _signer(request: Request) -> signing.Signer:
    """Bind cursors to the address that gave them out, so that no list reads those of another."""
    return signing.Signer(salt=f"holo.cursor:{request.path}")


def _link(request: Request, direction: str, row: Model, ordering: tuple[str, ...]) -> str:
    values = [_wire(_value(row, name.removeprefix("-"))) for name in ordering]
    text = _signer(request).sign_object({"d": direction, "v": values}, serializer=_Utf8)
    # Relative (RFC 3986): what a client calls this host, and by which scheme, only its own proxy knows.
    return replace_query_param(request.get_full_path(), "cursor", text)


def _value(row: Model, name: str) -> Any:
    value: Any = row
    for part in name.split("__"):
        value = getattr(value, part)
    return value


def _wire(value: Any) -> Any:
    if isinstance(value, bool | int | str):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _read(request: Request, ordering: tuple[str, ...], queryset: QuerySet[M]) -> _Cursor | None:
    text = request.query_params.get("cursor")
    if text is None:
        return None
    refusal = _refusal()
    if len(text) > _MAX_CURSOR:
        raise refusal
    try:
        found = _signer(request).unsign_object(text, serializer=_Utf8)
        values = [
            _parsed(queryset.model, name.removeprefix("-"), value)
            for name, value in zip(ordering, found["v"], strict=True)
        ]
    except (signing.BadSignature, ValueError, KeyError, TypeError, ValidationError):
        raise refusal from None
    return _Cursor(direction=found["d"], values=values)


def _parsed(model: type[Model], name: str, value: Any) -> Any:
    field: Any = None
    for part in name.split("__"):
        field = model._meta.get_field(part)
        if field.is_relation:
            model = field.related_model
    return field.to_python(value)


def _refusal() -> InvalidCursorError:
    message = _("the cursor is not one of this list")
    wrong = FieldProblem(pointer="cursor", code=InvalidCursorError.code, message=message)
    return InvalidCursorError(message, errors=[wrong])
