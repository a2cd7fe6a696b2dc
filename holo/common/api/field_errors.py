"""Flattens the nested errors of serializers into pointers with codes."""

from collections.abc import Iterator, Mapping, Sequence

from rest_framework.exceptions import ErrorDetail
from rest_framework.settings import api_settings

from holo.common.api.errors import (
    ExpectedObjectError,
    InvalidChoiceError,
    InvalidTextError,
    InvalidValueError,
    LengthError,
    NullNotAllowedError,
    RequiredFieldError,
)
from holo.common.api.parsers import pointer_to
from holo.common.errors import FieldProblem

# Codes of Django REST framework and ours. One with a dot is ours already.
_CODES = {
    "required": RequiredFieldError.code,
    "null": NullNotAllowedError.code,
    "blank": LengthError.code,
    "max_length": LengthError.code,
    "min_length": LengthError.code,
    "invalid_choice": InvalidChoiceError.code,
    "not_a_list": InvalidValueError.code,
    "empty": LengthError.code,
    "not_a_dict": ExpectedObjectError.code,
    "surrogate_characters_not_allowed": InvalidTextError.code,
    "null_characters_not_allowed": InvalidTextError.code,
}


def field_problems(detail: object) -> list[FieldProblem]:
    """Return one problem for each message in the `detail` of a ValidationError."""
    return list(_walk(detail, ()))


def _walk(detail: object, path: tuple[str | int, ...]) -> Iterator[FieldProblem]:
    if isinstance(detail, str):
        code = getattr(detail, "code", None) or "invalid"
        ours = code if "." in code else _CODES.get(code, InvalidValueError.code)
        yield FieldProblem(pointer=pointer_to(*path), code=ours, message=str(detail))
    elif isinstance(detail, Mapping):
        for name, inner in detail.items():
            own = name == api_settings.NON_FIELD_ERRORS_KEY
            yield from _walk(inner, path if own else (*path, name))
    elif isinstance(detail, Sequence):
        for index, inner in enumerate(detail):
            yield from _walk(inner, path if isinstance(inner, ErrorDetail | str) else (*path, index))
