"""Between rows and envelopes: what a version's ciphertext is bound to."""

import json

from django.conf import settings

from holo.secretstore import envelope
from holo.secretstore.envelope import Sealed
from holo.secretstore.models import Secret, SecretVersion


def seal_value(secret: Secret, number: int, plaintext: bytes) -> Sealed:
    """Seal the value of a version that is about to be written. Raises KeyringMissingError."""
    return envelope.seal(settings.KEYRING, plaintext, belongs_to=_binding(secret, number))


def open_version(version: SecretVersion) -> bytes:
    """Return the value of a version that was not wiped. Raises as `envelope.unseal`."""
    return envelope.unseal(
        settings.KEYRING, _sealed(version), belongs_to=_binding(version.secret, version.number)
    )


def reseal_version(version: SecretVersion) -> None:
    """Put a version under the current key, in memory. Raises as `envelope.unseal`."""
    sealed = envelope.reseal(
        settings.KEYRING, _sealed(version), belongs_to=_binding(version.secret, version.number)
    )
    version.key_id, version.data_key = sealed.key_id, sealed.data_key


def _sealed(version: SecretVersion) -> Sealed:
    return Sealed(
        key_id=version.key_id,
        data_key=bytes(version.data_key or b""),
        ciphertext=bytes(version.ciphertext or b""),
    )


def _binding(secret: Secret, number: int) -> bytes:
    """Return what is authenticated beside the value: purpose, tenant, place, name, version."""
    ids = (secret.organization_id, secret.project_id, secret.environment_id, secret.pk)
    return json.dumps(["holo-secret-v1", *map(str, ids), secret.name, number]).encode()
