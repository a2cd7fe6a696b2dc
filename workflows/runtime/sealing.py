"""The payload codec: what Temporal stores of a payload opens with a key of TEMPORAL_KEYRING alone.

AES-256-GCM (NIST SP 800-38D) with a fresh 96-bit nonce from the system. Version and id of the key are
authenticated with each payload. Names stay readable, for Temporal goes by them: ids of workflows, types,
queues, codes of errors. It runs beside the event loop of client and worker, never within workflow code.
"""

import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.utils.translation import gettext as _
from google.protobuf.message import DecodeError
from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadCodec

from holo.secretstore.keyring import Keyring
from workflows.runtime.errors import PayloadUnreadableError

# The names that Temporal's own samples and tools know.
ENCODING = b"binary/encrypted"
KEY_ID = "encryption-key-id"
VERSION = "encryption-version"
_VERSION = b"1"
_NONCE = 12
_SHOWN = 40


class SealingCodec(PayloadCodec):
    """Seals under the ring's first key and opens with any; without a ring it seals nothing.

    With a ring, a payload that is not sealed is refused: whoever can write into Temporal but has no key gives
    workers nothing to do. `accept_plain` takes it as it is, while runs from before the ring are open.
    """

    def __init__(self, ring: Keyring, *, accept_plain: bool = False) -> None:
        self._current = ring.current
        self._accepts_plain = accept_plain or not ring.current
        self._keys = {key_id: AESGCM(key) for key_id, key in ring.keys.items()}

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Seal each of them."""
        return [self.seal(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Open each of them. Raises PayloadUnreadableError."""
        return [self.open(payload) for payload in payloads]

    def seal(self, payload: Payload) -> Payload:
        """Return the payload sealed under the current key, with its metadata within."""
        if not self._current:
            return payload
        key_id, nonce = self._current.encode(), os.urandom(_NONCE)
        sealed = self._keys[self._current].encrypt(nonce, payload.SerializeToString(), _bound(key_id))
        metadata = {"encoding": ENCODING, KEY_ID: key_id, VERSION: _VERSION}
        return Payload(metadata=metadata, data=nonce + sealed)

    def open(self, payload: Payload) -> Payload:
        """Return what was sealed. Raises PayloadUnreadableError."""
        if payload.metadata.get("encoding") != ENCODING:
            return self._plain(payload)
        key_id = payload.metadata.get(KEY_ID, b"")
        shown = {"id": key_id[:_SHOWN].decode("ascii", "replace")}
        if payload.metadata.get(VERSION) != _VERSION:
            raise PayloadUnreadableError(_("a payload is sealed in a form that this version does not know"))
        key = self._keys.get(key_id.decode("ascii", "replace"))
        if key is None:
            text = _("a payload is sealed with the key %(id)s, which is not in TEMPORAL_KEYRING")
            raise PayloadUnreadableError(text % shown)
        try:
            opened = key.decrypt(payload.data[:_NONCE], payload.data[_NONCE:], _bound(key_id))
            return Payload.FromString(opened)
        except (InvalidTag, ValueError, DecodeError):
            # A changed bit and another key under the same id look alike.
            text = _("a payload does not open: it was changed, or the key %(id)s is another one here")
            raise PayloadUnreadableError(text % shown) from None

    def _plain(self, payload: Payload) -> Payload:
        if not self._accepts_plain:
            raise PayloadUnreadableError(
                _("a payload is not sealed; TEMPORAL_ACCEPT_PLAIN=1 accepts those from before the key ring")
            )
        return payload


def _bound(key_id: bytes) -> bytes:
    """Return what is authenticated beside the payload."""
    return b"holo-temporal-payload|" + _VERSION + b"|" + key_id
