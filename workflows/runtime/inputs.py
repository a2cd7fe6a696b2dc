"""Reads the input of a workflow that a person starts: JSON in a file or on stdin, fitting its contract."""

from json import JSONDecoder
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _
from pydantic import BaseModel, ValidationError

from holo.common.api.errors import JsonSyntaxError
from holo.common.api.parsers import parse_object, pointer_to
from holo.common.errors import RequestError
from holo.common.standard_input import LARGEST, read_standard_input

STDIN = "-"
_SPACE = " \t\r\n"
_DECODER = JSONDecoder()


class InputError(Exception):
    """The input cannot be used; the text says why, and where in the file."""


def read_input(file: str, contract: type[BaseModel]) -> BaseModel:
    """Return what stands in `file`, `-` for stdin; raises InputError."""
    name = "stdin" if file == STDIN else file
    body = _read(file)
    try:
        value = parse_object(body)
    except JsonSyntaxError as error:
        place = ":".join(str(error.details[part]) for part in ("line", "column"))
        raise InputError(f"{name}:{place}: {error.message.partition(': ')[2] or error.message}") from None
    except RequestError as error:
        place = f"{error.errors[0].pointer}: " if error.errors else ""
        raise InputError(f"{name}: {place}{error.message}") from None
    try:
        return contract.model_validate(value)
    except ValidationError as error:
        raise InputError(_told(name, body.decode(), error)) from None


def _read(file: str) -> bytes:
    try:
        if file == STDIN:
            return read_standard_input()
        with Path(file).open("rb") as opened:
            body = opened.read(LARGEST + 1)
    except RequestError as error:
        raise InputError(error.message) from None
    except OSError as error:
        raise InputError(f"{file}: {error.strerror}") from None
    if len(body) > LARGEST:
        raise InputError(_("%(file)s is larger than %(limit)d bytes") % {"file": file, "limit": LARGEST})
    return body


def _told(name: str, text: str, error: ValidationError) -> str:
    """Say the first problem with its place in the file, and how many more there are."""
    problems = error.errors(include_url=False)
    path = tuple(problems[0]["loc"])
    line, column = place_of(text, path)
    told = f"{name}:{line}:{column}: {pointer_to(*path)}: {problems[0]['msg']}"
    more = len(problems) - 1
    return told + (_("; and %(more)d more") % {"more": more} if more else "")


def place_of(text: str, path: tuple[str | int, ...]) -> tuple[int, int]:
    """Return line and column of the value at `path` in valid JSON, or of the innermost that is there."""
    position = _skip(text, 0)
    for part in path:
        found = _member(text, position, part)
        if found is None:
            break
        position = found
    return text.count("\n", 0, position) + 1, position - text.rfind("\n", 0, position)


def _member(text: str, position: int, part: str | int) -> int | None:
    """Return where the member of the object or array at `position` begins."""
    opening = text[position]
    if opening not in "{[":
        return None
    position, number = _skip(text, position + 1), 0
    while text[position] not in "}]":
        key: Any = number
        if opening == "{":
            key, position = _DECODER.raw_decode(text, position)
            position = _skip(text, _skip(text, position) + 1)
        if key == part:
            return position
        _value, position = _DECODER.raw_decode(text, position)
        position, number = _skip(text, position), number + 1
        if text[position] == ",":
            position = _skip(text, position + 1)
    return None


def _skip(text: str, position: int) -> int:
    while position < len(text) and text[position] in _SPACE:
        position += 1
    return position
