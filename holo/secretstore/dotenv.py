"""Reads what people keep in `.env` files. Of Django it knows the translations alone.

One `NAME=value` in a line, `export` before it allowed. A line ends with LF or CRLF and with nothing else: a
lone CR, a form feed, U+0085 or U+2028 belongs to the value. A byte order mark before the first line is
skipped. Blanks are spaces and tabs. A value without quotes ends before ` #` and has no blanks around it; one
in single quotes is taken as it is written; in double quotes a backslash stands before n, r, t, ", $ and
itself. No value continues on another line. Nothing is expanded: a `$` is a `$`. Every other character stays
as it is: nothing is normalised.
"""

import re
from collections.abc import Iterator

from django.utils.translation import gettext as _

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_LINE = re.compile(r"(?:export[ \t]+)?([^= \t]+)[ \t]*=[ \t]*(.*)")
_BOM = "\ufeff"
_DOUBLE = re.compile(r'"((?:[^"\\]|\\.)*)"[ \t]*(?:#.*)?')
_SINGLE = re.compile(r"'([^']*)'[ \t]*(?:#.*)?")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "$": "$"}


class DotenvError(ValueError):
    """A line that is none of the kind; the message names its number, never what it holds."""


def parse_dotenv(text: str) -> dict[str, str]:
    """Return the variables of a text. Raises DotenvError for the first line that does not fit."""
    found: dict[str, str] = {}
    for number, name, value in _entries(text):
        if name in found:
            raise DotenvError(_("line %(line)d: %(name)s is there twice") % {"line": number, "name": name})
        found[name] = value
    return found


def _entries(text: str) -> Iterator[tuple[int, str, str]]:
    # Where nothing comes after it, a CR is no part of a CRLF.
    *lines, last = text.removeprefix(_BOM).split("\n")
    whole = [*(line.removesuffix("\r") for line in lines), last]
    for number, line in enumerate(whole, 1):
        stripped = line.strip(" \t")
        if not stripped or stripped.startswith("#"):
            continue
        match = _LINE.fullmatch(stripped)
        if match is None:
            raise DotenvError(_("line %(line)d: not NAME=value") % {"line": number})
        if NAME.fullmatch(match[1]) is None:
            raise DotenvError(
                _("line %(line)d: a name has letters, digits and underscores, no digit first")
                % {"line": number}
            )
        yield number, match[1], _value(match[2], number)


def _value(text: str, number: int) -> str:
    for quote, form in (('"', _DOUBLE), ("'", _SINGLE)):
        if text.startswith(quote):
            match = form.fullmatch(text)
            if match is None:
                raise DotenvError(
                    _("line %(line)d: the %(quote)s is not closed, or something follows it")
                    % {"line": number, "quote": quote}
                )
            return _unescaped(match[1], number) if quote == '"' else match[1]
    return re.split(r"[ \t]#", text, maxsplit=1)[0].rstrip(" \t") if not text.startswith("#") else ""


def _unescaped(text: str, number: int) -> str:
    def meant(match: re.Match[str]) -> str:
        if match[1] not in _ESCAPES:
            raise DotenvError(_("line %(line)d: an escape that does not exist") % {"line": number})
        return _ESCAPES[match[1]]

    return re.sub(r"\\(.)", meant, text)
