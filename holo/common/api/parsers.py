"""Reads JSON bodies and refuses what other parsers guess about."""

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import IO, Any, NoReturn

from django.conf import settings
from django.utils.translation import gettext as _
from rest_framework.parsers import BaseParser

from holo.common.api.errors import (
    BodyTooLargeError,
    DuplicateKeyError,
    ExpectedObjectError,
    InvalidUnicodeError,
    JsonSyntaxError,
    JsonTooDeepError,
    NulNotAllowedError,
    NumberNotFiniteError,
    NumberOutOfRangeError,
    UnsupportedMediaTypeError,
)
from holo.common.errors import FieldProblem, RequestError

MAX_DEPTH = 32
MAX_DIGITS = 19
# Where the value is kept exactly; Python converts no more.
MAX_EXACT_DIGITS = 4300
# Possessive, and an unclosed string runs to the end: linear on any input.
_TOKENS = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")
_SHOWN = 64


class _HugeInteger:
    """Stands for an integer that is too long, until its place is known."""


class _RepeatedName(dict[str, Any]):
    """An object that has `name` twice."""

    def __init__(self, pairs: list[tuple[str, Any]], name: str) -> None:
        super().__init__(pairs)
        self.name = name


def pointer_to(*path: str | int) -> str:
    """Return the RFC 6901 pointer of a path, each part cut to 64 characters."""
    return "".join("/" + str(part)[:_SHOWN].replace("~", "~0").replace("/", "~1") for part in path)


class StrictJSONParser(BaseParser):
    """Accepts one JSON object in UTF-8 within the limits of size and depth."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Return the object, or raise the RequestError that says what is wrong and where."""
        request = (parser_context or {}).get("request")
        encoding = request.META.get("HTTP_CONTENT_ENCODING", "") if request is not None else ""
        if not {part.strip().lower() for part in encoding.split(",")} <= {"", "identity"}:
            raise UnsupportedMediaTypeError(
                _("Content-Encoding is “%(received)s”; send the body without it")
                % {"received": encoding[:64]},
                header="Content-Encoding",
            )
        _check_charset(media_type or "")
        view = (parser_context or {}).get("view")
        limit = getattr(view, "largest_body", None) or int(settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0)
        length = request.META.get("CONTENT_LENGTH") if request is not None else None
        if length and length.isdecimal() and int(length) > limit:
            raise body_too_large(limit)
        body = stream.read(limit + 1)
        if len(body) > limit:
            raise body_too_large(limit)
        return parse_object(body)


def body_too_large(limit: int) -> BodyTooLargeError:
    """Return the refusal of a body over `limit` bytes."""
    return BodyTooLargeError(_("the body is larger than %(limit)d bytes") % {"limit": limit}, limit=limit)


def _check_charset(media_type: str) -> None:
    for parameter in media_type.split(";")[1:]:
        name, _equals, value = parameter.partition("=")
        if name.strip().lower() == "charset" and value.strip().strip('"').lower() not in ("utf-8", "utf8"):
            message = _("the charset of Content-Type is “%(received)s”; send JSON in UTF-8")
            raise JsonSyntaxError(message % {"received": value.strip()[:64]}, line=1, column=1)


def parse_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object in `body`."""
    if not body.strip():
        raise ExpectedObjectError(_("the body must be a JSON object, not empty"))
    value = parse_json(body)
    if not isinstance(value, dict):
        raise ExpectedObjectError(_("the body must be a JSON object"))
    return value


def parse_json(
    body: bytes, *, parse_float: Callable[[str], float] | None = None, exact: bool = False
) -> object:
    """Return whatever JSON value is in `body`; `parse_float` reads numbers that are not whole.

    `exact` is for values that come back as they were sent: U+0000 is accepted, and whole numbers of up to
    MAX_EXACT_DIGITS digits.
    """
    text = _decoded(body)
    _check_depth(text)
    try:
        value: object = json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=_exact_integer if exact else _integer,
            parse_float=parse_float,
            parse_constant=float,
        )
    except json.JSONDecodeError as error:
        raise _syntax_error(text, error.pos, error.msg) from None
    _check_values(value, (), exact)
    return value


def _decoded(body: bytes) -> str:
    if body.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise JsonSyntaxError(_("the body starts with a byte order mark"), line=1, column=1)
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        readable = body[: error.start].decode("utf-8")
        raise _syntax_error(readable, len(readable), _("this is not UTF-8")) from None


def _syntax_error(text: str, position: int, reason: str) -> JsonSyntaxError:
    line = text.count("\n", 0, position) + 1
    column = position - (text.rfind("\n", 0, position) + 1) + 1
    message = _("line %(line)d, column %(column)d: %(reason)s")
    return JsonSyntaxError(
        message % {"line": line, "column": column, "reason": reason}, line=line, column=column
    )


def _check_depth(text: str) -> None:
    """Count brackets outside of strings, because the standard library recurses."""
    depth = 0
    for token in _TOKENS.finditer(text):
        first = text[token.start()]
        if first in "[{":
            depth += 1
        elif first in "]}":
            depth -= 1
        if depth > MAX_DEPTH:
            raise JsonTooDeepError(
                _("the body is nested deeper than %(limit)d levels") % {"limit": MAX_DEPTH}, limit=MAX_DEPTH
            )


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    seen: set[str] = set()
    for name, _value in pairs:
        if name in seen:
            return _RepeatedName(pairs, name)
        seen.add(name)
    return found


def _integer(digits: str) -> object:
    return int(digits) if len(digits.lstrip("-")) <= MAX_DIGITS else _HugeInteger()


def _exact_integer(digits: str) -> object:
    return int(digits) if len(digits.lstrip("-")) <= MAX_EXACT_DIGITS else _HugeInteger()


def _check_values(value: object, path: tuple[str | int, ...], exact: bool) -> None:
    """Walk the tree, so that a refusal can name its place."""
    if isinstance(value, str):
        _check_text(value, path, exact)
    elif isinstance(value, _HugeInteger):
        limit = MAX_EXACT_DIGITS if exact else MAX_DIGITS
        message = _("the integer has more than %(limit)d digits") % {"limit": limit}
        _refuse(NumberOutOfRangeError, path, message)
    elif isinstance(value, float) and not math.isfinite(value):
        _refuse(NumberNotFiniteError, path, _("the number is not finite"))
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            _check_values(entry, (*path, index), exact)
    elif isinstance(value, dict):
        if isinstance(value, _RepeatedName):
            _refuse(DuplicateKeyError, (*path, value.name), _("the name is given twice"))
        for name, entry in value.items():
            _check_text(name, path, exact)
            _check_values(entry, (*path, name), exact)


def _check_text(text: str, path: tuple[str | int, ...], exact: bool) -> None:
    if "\0" in text and not exact:
        _refuse(NulNotAllowedError, path, _("the text contains U+0000"))
    if _SURROGATE.search(text):
        _refuse(InvalidUnicodeError, path, _("the text contains half of a surrogate pair"))


def _refuse(error: type[RequestError], path: tuple[str | int, ...], message: str) -> NoReturn:
    # A name may itself be what is wrong; an answer must stay encodable.
    pointer = pointer_to(*path).encode("utf-8", "replace").decode()
    raise error(message, errors=[FieldProblem(pointer=pointer, code=error.code, message=message)])
