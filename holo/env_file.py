"""Reads files of variables as strictly as the variables themselves."""

import io
import re
from pathlib import Path

import environ

from holo.common.characters import holds_control

# As django-environ reads a line of an env file; it skips every other line without a word.
_LINE = re.compile(r"(?:export )?([A-Za-z_0-9]+)=.*")


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
        if holds_control(whole.replace("\t", "")):
            problems.append(f"{file}: line {number} has a line separator or control character in it")
        elif whole.strip() and not whole.startswith("#"):
            given = _LINE.fullmatch(whole)
            if given is None:
                problems.append(
                    f"{file}: line {number} is not NAME=value, without blanks before and around “=”"
                )
            elif seen.setdefault(given[1], number) != number:
                problems.append(f"{file}: line {number} gives {given[1]} again, after line {seen[given[1]]}")
    reader.read_env(io.StringIO(text))
