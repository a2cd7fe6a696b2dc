"""Key rings: what is taken, and what is refused without showing a key."""

import base64
import os
from pathlib import Path

import pytest

from holo.secretstore.keyring import SAMPLE, KeyringError, make_entry, parse_keyring, read_keyring

pytestmark = pytest.mark.pure
SAME = base64.b64encode(os.urandom(32)).decode()


def test_the_first_entry_seals_and_all_open() -> None:
    ring = parse_keyring(f"{make_entry('k2')}, {make_entry('k1')}")
    assert (ring.current, sorted(ring.keys)) == ("k2", ["k1", "k2"])
    assert {len(key) for key in ring.keys.values()} == {32}
    assert "=" not in repr(ring).replace("current=", "")


def test_no_text_is_an_empty_ring() -> None:
    assert parse_keyring(" \n ") == parse_keyring("")
    assert parse_keyring("").current == ""


def test_a_file_with_a_line_break_at_its_end_is_read(tmp_path: Path) -> None:
    file = tmp_path / "ring"
    file.write_text(f"{make_entry('k2')}\r\n{make_entry('k1')}\n")
    assert read_keyring(text="", file=str(file)).current == "k2"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("k1", "entry 1 is not id:base64"),
        (f"K1:{SAME}", "entry 1 is not id:base64"),
        (f"k1:{SAME},k1:{SAME}", "the id k1 is there twice"),
        (f"k1:{SAME},k2:{SAME}", "two ids have the same key"),
        ("k1:no base64!", "the key k1 is not base64"),
        ("k1:" + base64.b64encode(b"x" * 31).decode(), "the key k1 has 31 bytes, not 32"),
        ("k1:", "the key k1 has 0 bytes, not 32"),
        (f"k1:{SAMPLE}", "the key k1 is a sample"),
        ("k1:" + base64.b64encode(bytes(32)).decode(), "the key k1 is a sample"),
    ],
    # The texts hold keys of this run, and test processes must agree on the names.
    ids=["no key", "capital id", "same id", "same key", "not base64", "short", "empty", "sample", "zeros"],
)
def test_what_is_no_ring_is_refused_without_showing_it(text: str, says: str) -> None:
    with pytest.raises(KeyringError, match=says) as refusal:
        parse_keyring(text)
    assert SAME not in str(refusal.value)


def test_both_and_no_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyringError, match="keep one"):
        read_keyring(text=make_entry("k1"), file="x")
    with pytest.raises(KeyringError, match="FileNotFoundError"):
        read_keyring(text="", file=str(tmp_path / "absent"))
    (tmp_path / "bytes").write_bytes(b"\xff")
    with pytest.raises(KeyringError, match="UnicodeDecodeError"):
        read_keyring(text="", file=str(tmp_path / "bytes"))
