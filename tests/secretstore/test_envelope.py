"""Sealing: opens with its key and its row alone; any changed bit is noticed."""

import dataclasses

import pytest

from holo.secretstore.envelope import Sealed, reseal, seal, unseal
from holo.secretstore.errors import KeyringMissingError, SecretDamagedError, SecretKeyUnknownError
from holo.secretstore.keyring import make_entry, parse_keyring

pytestmark = pytest.mark.pure
OLD, NEW = make_entry("k1"), make_entry("k2")
RING = parse_keyring(OLD)
BOTH = parse_keyring(f"{NEW},{OLD}")
ROW = b"row 1"


def with_bytes(sealed: Sealed, field: str, stored: bytes) -> Sealed:
    if field == "data_key":
        return dataclasses.replace(sealed, data_key=stored)
    return dataclasses.replace(sealed, ciphertext=stored)


def test_a_value_opens_and_no_two_ciphertexts_are_equal() -> None:
    one, two = (seal(RING, b"value", belongs_to=ROW) for _ in range(2))
    assert unseal(RING, one, belongs_to=ROW) == b"value"
    assert one.ciphertext != two.ciphertext
    assert one.data_key != two.data_key
    assert b"value" not in one.ciphertext + one.data_key
    assert "value" not in repr(one)


@pytest.mark.parametrize("field", ["data_key", "ciphertext"])
def test_any_changed_bit_is_noticed(field: str) -> None:
    sealed = seal(RING, b"value", belongs_to=ROW)
    stored = getattr(sealed, field)
    for bit in range(len(stored) * 8):
        changed = bytearray(stored)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(SecretDamagedError):
            unseal(RING, with_bytes(sealed, field, bytes(changed)), belongs_to=ROW)
    for cut in (b"", stored[:5], stored[:-1], stored + b"x"):
        with pytest.raises(SecretDamagedError):
            unseal(RING, with_bytes(sealed, field, cut), belongs_to=ROW)


def test_in_another_row_it_does_not_open() -> None:
    one, two = seal(RING, b"one", belongs_to=b"row 1"), seal(RING, b"two", belongs_to=b"row 2")
    mixed = Sealed(key_id=one.key_id, data_key=one.data_key, ciphertext=two.ciphertext)
    for sealed, row in ((one, b"row 2"), (mixed, b"row 1"), (mixed, b"row 2")):
        with pytest.raises(SecretDamagedError):
            unseal(RING, sealed, belongs_to=row)


def test_a_missing_and_a_wrong_key_are_told_apart() -> None:
    sealed = seal(RING, b"value", belongs_to=ROW)
    with pytest.raises(SecretKeyUnknownError) as refusal:
        unseal(parse_keyring(NEW), sealed, belongs_to=ROW)
    assert refusal.value.details == {"key_id": "k1"}
    with pytest.raises(SecretDamagedError):
        unseal(parse_keyring(make_entry("k1")), sealed, belongs_to=ROW)
    for act in (
        lambda: unseal(parse_keyring(""), sealed, belongs_to=ROW),
        lambda: seal(parse_keyring(""), b"x", belongs_to=ROW),
    ):
        with pytest.raises(KeyringMissingError):
            act()


def test_resealed_it_opens_with_the_new_key_alone() -> None:
    sealed = seal(RING, b"value", belongs_to=ROW)
    moved = reseal(BOTH, sealed, belongs_to=ROW)
    assert (moved.key_id, moved.ciphertext) == ("k2", sealed.ciphertext)
    assert unseal(parse_keyring(NEW), moved, belongs_to=ROW) == b"value"
    with pytest.raises(SecretKeyUnknownError):
        unseal(RING, moved, belongs_to=ROW)
    with pytest.raises(SecretDamagedError):
        unseal(BOTH, dataclasses.replace(moved, key_id="k1"), belongs_to=ROW)
