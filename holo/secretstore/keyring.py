"""The keys that seal secrets: from the environment or a file, never from the database. Knows no Django."""

import base64
import binascii
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

KEY_BYTES = 32
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
# What is printed in documentation seals nothing.
SAMPLE = base64.b64encode(bytes(range(KEY_BYTES))).decode()


class KeyringError(ValueError):
    """The text is no key ring. The message names ids and places, never a key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyring:
    """AES-256 keys by id; `current` seals, the others only open. Empty where none is configured."""

    current: str = ""
    keys: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}), repr=False)


def parse_keyring(text: str) -> Keyring:
    """Return the ring of `id:base64`, with commas or line breaks between; the first one seals.

    An id has 1 to 32 lower-case letters, digits and hyphens; a key is 32 bytes in standard base64. An empty
    text is an empty ring. Raises KeyringError.
    """
    keys: dict[str, bytes] = {}
    entries = [entry.strip() for entry in re.split(r"[,\r\n]", text) if entry.strip()]
    for number, entry in enumerate(entries, 1):
        key_id, colon, encoded = entry.partition(":")
        if not colon or _ID.fullmatch(key_id) is None:
            raise KeyringError(f"entry {number} is not id:base64, with an id of a-z, 0-9 and hyphens")
        if key_id in keys:
            raise KeyringError(f"the id {key_id} is there twice")
        keys[key_id] = _key(key_id, encoded.strip())
    if len(set(keys.values())) < len(keys):
        raise KeyringError("two ids have the same key")
    return Keyring(current=next(iter(keys), ""), keys=MappingProxyType(keys))


def read_keyring(*, text: str, file: str) -> Keyring:
    """Return the ring of a text, or of a file if one is named. Raises KeyringError."""
    if text and file:
        raise KeyringError("both a ring and a file are given; keep one")
    if not file:
        return parse_keyring(text)
    try:
        return parse_keyring(Path(file).read_text(encoding="ascii"))
    except (OSError, UnicodeDecodeError) as error:
        raise KeyringError(f"cannot read {file[:200]}: {type(error).__name__}") from None


def make_entry(key_id: str) -> str:
    """Return a new entry of a ring, with a random key. Raises KeyringError (no id)."""
    if _ID.fullmatch(key_id) is None:
        raise KeyringError("an id has 1 to 32 lower-case letters, digits and hyphens")
    return f"{key_id}:{base64.b64encode(os.urandom(KEY_BYTES)).decode()}"


def _key(key_id: str, encoded: str) -> bytes:
    try:
        key = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raise KeyringError(f"the key {key_id} is not base64") from None
    if len(key) != KEY_BYTES:
        raise KeyringError(f"the key {key_id} has {len(key)} bytes, not {KEY_BYTES}")
    if encoded == SAMPLE or len(set(key)) < 8:
        raise KeyringError(f"the key {key_id} is a sample, not random; `manage.py secrets new-key` makes one")
    return key
