"""Reads files of variables as strictly as the variables themselves."""

import re
from pathlib import Path

import environ

from holo.common.characters import holds_control

_LINE = re.compile(r"(?:export )?([A-Za-z_0-9]+)=(.*)")
_QUOTED = re.compile(r"""'([^']*)'|"((?:[^"\\]|\\.)*)\"""")
_ESCAPED = re.compile(r'\\(["\\])')


def read_env_file(file: Path, problems: list[str], reader: type[environ.Env] = environ.Env) -> None:
    """Add the variables of an env file that are not set yet to `reader.ENVIRON`, by default os.environ.

    Only LF and CRLF end a line. A line that is no `NAME=value` is noted, or its variable would silently keep
    the default; so is another line separator, where the value would end, and a name that comes twice.
    """
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        problems.append(f"{file}: not UTF-8 at byte {error.start}")
        return
    seen: dict[str, int] = {}
    for number, line in enumerate(text.split("\n"), 1):
        whole = line.removesuffix("\r")
        given = _LINE.fullmatch(whole)
        if holds_control(whole.replace("\t", "")):
            problems.append(f"{file}: line {number} has a line separator or control character in it")
        elif given is None:
            if whole.strip() and not whole.startswith("#"):
                problems.append(
                    f"{file}: line {number} is not NAME=value, without blanks before and around “=”"
                )
        elif seen.setdefault(given[1], number) != number:
            problems.append(f"{file}: line {number} gives {given[1]} again, after line {seen[given[1]]}")
        elif (value := _unquoted(given[2])) is None:
            problems.append(
                f"{file}: line {number} has quotes around its value and in it; leave out those around it"
            )
        else:
            reader.ENVIRON.setdefault(given[1], value)


def _unquoted(text: str) -> str | None:
    """Return a value without the quotes around it; None if it is not clear what they are.

    In double quotes a backslash stands before a quote or another backslash, and is itself before all else.
    """
    quoted = _QUOTED.fullmatch(text)
    if quoted is not None:
        return quoted[1] if quoted[2] is None else _ESCAPED.sub(r"\1", quoted[2])
    return None if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text
