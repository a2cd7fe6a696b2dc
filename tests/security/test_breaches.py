"""Passwords of known breaches: looked up in a file on this machine, and refused by name."""

import hashlib
import io
import math
from pathlib import Path

import pytest
from django.contrib.auth.password_validation import get_password_validators, validate_password
from django.core.exceptions import ValidationError
from pytest_django import Settings

from holo import settings as product
from holo.identity.breaches import BreachesError, check_breaches, has_hash, is_breached
from holo.stack import doctor

pytestmark = pytest.mark.pure

_MANY = [f"passphrase number {number}" for number in range(2000)]


def hash_of(password: str) -> str:
    """Return what stands for a password in the file."""
    return hashlib.sha1(password.encode()).hexdigest().upper()


def lines_of(passwords: list[str]) -> list[str]:
    """Return the lines of the file, with counts of one to eight digits."""
    return [f"{each}:{10 ** (int(each[0], 16) % 8)}" for each in sorted(map(hash_of, passwords))]


def write(folder: Path, lines: list[str], end: str = "\n") -> str:
    """Write a file as the downloader does; return its path."""
    path = folder / "breached.txt"
    path.write_bytes("".join(line + end for line in lines).encode())
    return str(path)


@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_every_password_of_the_file_is_found_and_no_other(tmp_path: Path, end: str) -> None:
    """The first, the last and all between; not what would stand before, after and between them."""
    path = check_breaches(write(tmp_path, lines_of(_MANY), end))
    assert [each for each in _MANY if not is_breached(path, each)] == []
    assert [number for number in range(2000) if is_breached(path, f"nobody chose {number}")] == []
    with Path(path).open("rb") as file:
        assert not has_hash(file, b"0" * 40)
        assert not has_hash(file, b"F" * 40)


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_file_of_few_lines_is_searched_too(tmp_path: Path, count: int, end: str) -> None:
    known = _MANY[:count]
    path = check_breaches(write(tmp_path, lines_of(known), end))
    assert [each for each in _MANY if is_breached(path, each)] == known


def test_last_line_without_an_end_and_hashes_in_lower_case_are_taken(tmp_path: Path) -> None:
    path = Path(write(tmp_path, lines_of(_MANY[:5])))
    path.write_bytes(path.read_bytes().rstrip(b"\n").lower())
    assert all(is_breached(check_breaches(str(path)), each) for each in _MANY[:5])
    assert not is_breached(str(path), _MANY[5])


class CountedFile(io.BytesIO):
    """A file that counts the lines that are read of it."""

    count = 0

    def readline(self, size: int | None = -1, /) -> bytes:
        """Count, and read."""
        self.count += 1
        return super().readline(size)


def test_lookup_reads_as_many_lines_as_halving_takes() -> None:
    content = "".join(line + "\n" for line in lines_of(_MANY)).encode()
    for password in (*_MANY[:50], "nobody chose this"):
        file = CountedFile(content)
        assert has_hash(file, hash_of(password).encode()) == (password in _MANY)
        # Two for each halving: the rest of the line that it fell into, and the next one.
        assert file.count <= 2 * (math.log2(len(content)) + 1)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "is not the SHA-1"),
        (b"password1234\n", "is not the SHA-1"),
        (b"0" * 40 + b"\n", "is not the SHA-1"),
        (b"0" * 32 + b":1\n", "is not the SHA-1"),
        (b"\xef\xbb\xbf" + b"0" * 40 + b":1\n", "is not the SHA-1"),
        (b"0" * 40 + b":1\n\n", "is not the SHA-1"),
        (b"0" * 40 + b":1\n" + b"x" * 500, "is not the SHA-1"),
        (b"F" * 40 + b":1\n" + b"0" * 40 + b":1\n", "is not sorted"),
        # By how often they were seen, which is the order of another file of theirs.
        ("".join(line + "\n" for line in reversed(lines_of(_MANY))).encode(), "is not sorted"),
    ],
)
def test_file_of_another_form_is_refused(tmp_path: Path, content: bytes, fault: str) -> None:
    path = tmp_path / "other.txt"
    path.write_bytes(content)
    with pytest.raises(BreachesError, match=fault):
        check_breaches(str(path))


def test_file_that_cannot_be_read_is_refused_by_name(tmp_path: Path) -> None:
    for path, why in ((tmp_path / "none.txt", "FileNotFoundError"), (tmp_path, "IsADirectoryError")):
        with pytest.raises(BreachesError, match=f"cannot read {path}: {why}"):
            check_breaches(str(path))


def codes(password: str) -> list[str | None]:
    """Return why a password is refused; nothing for one that is taken."""
    try:
        validate_password(password, None, get_password_validators(product.AUTH_PASSWORD_VALIDATORS))
    except ValidationError as refusal:
        return [error.code for error in refusal.error_list]
    return []


def test_breached_password_is_refused_by_name_once_there_is_a_file(
    tmp_path: Path, settings: Settings
) -> None:
    known = "correct horse battery staple"
    settings.BREACHED_PASSWORDS_FILE = ""
    assert codes(known) == []
    settings.BREACHED_PASSWORDS_FILE = write(tmp_path, lines_of([known, *_MANY]))
    assert codes(known) == ["password_breached"]
    assert codes(known.title()) == []
    assert codes("short") == ["password_too_short"]


def test_no_password_is_taken_while_the_file_is_lost(
    tmp_path: Path, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.BREACHED_PASSWORDS_FILE = str(tmp_path / "lost.txt")
    assert codes("correct horse battery staple") == ["password_not_checked"]
    assert "BREACHED_PASSWORDS_FILE: cannot read" in caplog.text
    assert "horse" not in caplog.text
    whole = write(tmp_path, lines_of(_MANY))
    begun = Path(whole).read_text()[:-20]
    for content in ("overwritten\n", "", begun):
        Path(settings.BREACHED_PASSWORDS_FILE).write_text(content)
        assert codes("correct horse battery staple") == ["password_not_checked"]


def test_doctor_says_whether_there_is_a_file(settings: Settings) -> None:
    for path, said in (("", "is not set"), ("/srv/pwned.txt", "of known breaches are refused")):
        settings.BREACHED_PASSWORDS_FILE = path
        found = doctor._passwords()
        assert (found.good, found.where) == (True, path or "-")
        assert said in found.detail
