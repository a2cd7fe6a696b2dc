"""Sealing: AES-256-GCM, a random data key for each version, itself sealed by a key of the ring.

NIST SP 800-38D; fresh 96-bit nonces from the system. To change the ring's key only the data key is sealed
anew, so that rotation never sees a value. What a ciphertext belongs to is authenticated with it: moved to
another row it does not open.
"""

import os
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.utils.translation import gettext as _

from holo.secretstore.errors import KeyringMissingError, SecretDamagedError, SecretKeyUnknownError
from holo.secretstore.keyring import KEY_BYTES, Keyring

_NONCE = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """What is stored: nonce and ciphertext of the value, nonce and ciphertext of its data key."""

    key_id: str
    data_key: bytes = field(repr=False)
    ciphertext: bytes = field(repr=False)


def seal(keyring: Keyring, plaintext: bytes, *, belongs_to: bytes) -> Sealed:
    """Seal a value. Raises KeyringMissingError."""
    data_key = os.urandom(KEY_BYTES)
    return Sealed(
        key_id=keyring.current,
        data_key=_wrap(keyring, data_key, belongs_to),
        ciphertext=_encrypt(data_key, plaintext, belongs_to),
    )


def unseal(keyring: Keyring, sealed: Sealed, *, belongs_to: bytes) -> bytes:
    """Return the value. Raises KeyringMissingError, SecretKeyUnknownError, SecretDamagedError."""
    return _decrypt(_unwrap(keyring, sealed, belongs_to), sealed.ciphertext, belongs_to)


def reseal(keyring: Keyring, sealed: Sealed, *, belongs_to: bytes) -> Sealed:
    """Seal the data key with the current key of the ring; the value is not looked at. Raises as `unseal`."""
    data_key = _unwrap(keyring, sealed, belongs_to)
    return Sealed(
        key_id=keyring.current,
        data_key=_wrap(keyring, data_key, belongs_to),
        ciphertext=sealed.ciphertext,
    )


def _wrap(keyring: Keyring, data_key: bytes, belongs_to: bytes) -> bytes:
    if not keyring.current:
        raise KeyringMissingError(_("SECRETS_KEYRING is not set; `manage.py secrets new-key` makes an entry"))
    return _encrypt(keyring.keys[keyring.current], data_key, _wrapping(keyring.current, belongs_to))


def _unwrap(keyring: Keyring, sealed: Sealed, belongs_to: bytes) -> bytes:
    if not keyring.current:
        raise KeyringMissingError(_("SECRETS_KEYRING is not set, and without it no secret opens"))
    key = keyring.keys.get(sealed.key_id)
    if key is None:
        message = _("the key %(id)s is not in the ring; put it back, or the secret is lost")
        raise SecretKeyUnknownError(message % {"id": sealed.key_id}, key_id=sealed.key_id)
    return _decrypt(key, sealed.data_key, _wrapping(sealed.key_id, belongs_to))


def _wrapping(key_id: str, belongs_to: bytes) -> bytes:
    return b"data-key|" + key_id.encode() + b"|" + belongs_to


def _encrypt(key: bytes, plaintext: bytes, belongs_to: bytes) -> bytes:
    nonce = os.urandom(_NONCE)
    return nonce + AESGCM(key).encrypt(nonce, plaintext, belongs_to)


def _decrypt(key: bytes, stored: bytes, belongs_to: bytes) -> bytes:
    try:
        return AESGCM(key).decrypt(stored[:_NONCE], stored[_NONCE:], belongs_to)
    except (InvalidTag, ValueError):
        # A changed bit, another row's ciphertext and a wrong key under the right id look the same.
        raise SecretDamagedError(
            _("the secret does not open: it was changed or moved, or its key is another one")
        ) from None
