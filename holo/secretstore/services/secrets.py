"""Commands about secrets: set, get, delete; put all under the current key."""

from typing import Any, TypeVar
from uuid import UUID

from holo.audit.operations import record_audit
from holo.common.actor import NOBODY, Actor, system_actor
from holo.idempotency.commands import command
from holo.secretstore.locks import lock_versions_sealed_otherwise
from holo.secretstore.models import Secret, SecretVersion
from holo.secretstore.operations import absent, read_secret, read_version, wipe_secret, write_secret
from holo.secretstore.places import Place
from holo.secretstore.sealing import reseal_version
from holo.secretstore.selectors import find_revealable

T = TypeVar("T")


@command
def set_secret(*, actor: Actor, place: Place, name: str, value: Any) -> int:
    """Keep a value as a new version and return its number; one that was deleted begins anew after its last.

    `name` has 1 to 200 letters, digits and `._/-`, a letter first; `value` is JSON of at most 64 KB. Not
    idempotent: each call makes a version. Locks the secret. Raises SecretNameError, SecretValueError,
    KeyringMissingError.
    """
    return write_secret(actor, place, name, value).version


@command
def get_secret(
    *, actor: Actor, place: Place, name: str, schema: type[T], version: int | None = None
) -> T | None:
    """Return the newest value, or that of `version`, as `schema` reads it; None where there is none.

    Each value that is given out is audited, in the same transaction. Idempotent. Takes no locks. Raises
    SecretMalformedError, KeyringMissingError, SecretKeyUnknownError, SecretDamagedError.
    """
    return read_secret(actor, place, name, schema, version)


@command
def get_secret_or_raise(
    *, actor: Actor, place: Place, name: str, schema: type[T], version: int | None = None
) -> T:
    """Like `get_secret`, but raises SecretNotFoundError where there is none."""
    value = read_secret(actor, place, name, schema, version)
    if value is None:
        raise absent(name)
    return value


@command
def reveal_secret(*, actor: Actor, secret_id: UUID, reason: str) -> tuple[Secret, object]:
    """Show a person the newest value of a secret, and write who wanted to see it and why.

    The audit row is in the same transaction: what cannot be written is not shown. Secrets that the product
    keeps for itself are not found. Not idempotent: each look is a row. Takes no locks. Raises
    SecretNotFoundError, KeyringMissingError, SecretKeyUnknownError, SecretDamagedError.
    """
    secret = find_revealable(secret_id)
    if secret is None:
        raise absent(str(secret_id))
    place = Place(
        organization_id=secret.organization_id,
        project_id=secret.project_id,
        environment_id=secret.environment_id,
    )
    found = read_version(actor, place, secret.name, object)
    if found is None:
        raise absent(secret.name)
    version, value = found
    record_audit(
        actor=actor,
        action="secretstore.secret_revealed",
        subject_type="secretstore.secret",
        subject_id=secret.pk,
        data={"name": secret.name, "version": version.number, "reason": reason},
    )
    return version.secret, value


@command
def delete_secret(*, actor: Actor, place: Place, name: str) -> None:
    """Delete a secret: all its versions are wiped, and only their numbers and times stay.

    Not idempotent: a second call finds none. Locks the secret. Raises SecretNotFoundError.
    """
    wipe_secret(actor, place, name)


@command
def reseal_some(*, current: str, after: int = 0, count: int = 100) -> tuple[int, int]:
    """Put up to `count` versions with an id above `after` under the ring's current key.

    Returns how many, and the id to go on after. Cut off at any moment it has changed all of a batch or none;
    values stay readable all the time, for both keys are in the ring. Locks the versions, skipping those that
    somebody holds. Raises as `envelope.unseal`.
    """
    versions = lock_versions_sealed_otherwise(current, after=after, count=count)
    for version in versions:
        reseal_version(version)
    SecretVersion.objects.bulk_update(versions, ["key_id", "data_key"])
    if versions:
        record_audit(
            actor=system_actor(NOBODY),
            action="secretstore.secrets_resealed",
            subject_type="secretstore.secretversion",
            subject_id=f"{versions[0].pk}-{versions[-1].pk}",
            data={"count": len(versions), "key_id": current},
        )
    return len(versions), versions[-1].pk if versions else after
