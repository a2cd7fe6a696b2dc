"""Looks passwords up in a file of known breaches, by binary search on this machine. Knows no Django.

The file is what the downloader of Have I Been Pwned writes: lines of `SHA-1 in hex:count`, sorted. It has
some 40 gigabytes, of which a look-up reads about seventy lines.
"""

import hashlib
import re
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

_LINE = re.compile(rb"([0-9A-Fa-f]{40}):[0-9]{1,18}\r?\n?")
_LONGEST_LINE = 80
_SAMPLES = 64


class BreachesError(ValueError):
    """The file cannot be read, or is not of the form. The message names no line's content."""


def check_breaches(path: str) -> str:
    """Return the path of a file that can be read and looks right, from its first to its last line.

    It reads some lines spread over the file, which must be of the form and in order. Raises BreachesError.
    """
    try:
        with Path(path).open("rb") as file:
            size = _size(file)
            places = sorted({size * step // _SAMPLES for step in range(_SAMPLES)} | {max(0, size - 1)})
            found = [_line_around(file, place) for place in places]
    except OSError as error:
        raise _unreadable(path, error) from None
    if any(before > after for before, after in pairwise(found)):
        raise BreachesError(f"{path[:200]} is not sorted by hash")
    return path


def is_breached(path: str, password: str) -> bool:
    """Tell whether a password is in the file. Raises BreachesError."""
    # What the file is made of: not for keeping a password.
    sought = hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper().encode()
    try:
        with Path(path).open("rb") as file:
            # One that is just being written ends within a line, or is empty yet.
            _line_around(file, max(0, _size(file) - 1))
            return has_hash(file, sought)
    except OSError as error:
        raise _unreadable(path, error) from None


def has_hash(file: BinaryIO, sought: bytes) -> bool:
    """Tell whether a line of a sorted file begins with a hash, in upper case. Raises BreachesError."""
    low, high = 0, _size(file)
    # A line with the hash, if there is one, begins at `low` or after it and before `high`.
    while low < high:
        middle = (low + high) // 2
        start = _next_line(file, middle)
        if start >= high:
            high = middle
            continue
        found = _hash_of(file.readline(_LONGEST_LINE))
        if found == sought:
            return True
        if found < sought:
            low = file.tell()
        else:
            high = middle
    return False


def _next_line(file: BinaryIO, place: int) -> int:
    """Go to where the first line begins that does so at a place or after it."""
    file.seek(max(0, place - 1))
    if place:
        file.readline(_LONGEST_LINE)
    return file.tell()


def _line_around(file: BinaryIO, place: int) -> bytes:
    """Return the hash of the line that a place is in."""
    begin = max(0, place - _LONGEST_LINE)
    file.seek(begin)
    head = file.read(place - begin)
    file.seek(begin + head.rfind(b"\n") + 1)
    return _hash_of(file.readline(_LONGEST_LINE))


def _hash_of(line: bytes) -> bytes:
    found = _LINE.fullmatch(line)
    if found is None:
        raise BreachesError("a line is not the SHA-1 of a password in hex, a colon and a count")
    return found[1].upper()


def _size(file: BinaryIO) -> int:
    return file.seek(0, 2)


def _unreadable(path: str, error: OSError) -> BreachesError:
    return BreachesError(f"cannot read {path[:200]}: {type(error).__name__}")
