"""The commands of this package: set, get, delete a secret; put all under the current key."""

import json
import re
from typing import Any, TypeVar
from uuid import UUID

from django.utils.translation import gettext as _
from pydantic import TypeAdapter, ValidationError

from holo.audit.operations import record_audit
from holo.common.actor import Actor, OrganizationId, system_actor
from holo.common.clock import database_now
from holo.idempotency.commands import command
from holo.secretstore.errors import (
    SecretMalformedError,
    SecretNameError,
    SecretNotFoundError,
    SecretValueError,
)
from holo.secretstore.locks import lock_secret, lock_versions_sealed_otherwise
from holo.secretstore.models import Secret, SecretVersion
from holo.secretstore.places import Place
from holo.secretstore.sealing import open_version, reseal_version, seal_value

T = TypeVar("T")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9._/-]{0,199}")
_MAX_BYTES = 64 * 1024
# What audit rows about the installation's own secrets name: no organisation has this id.
NOBODY = OrganizationId(UUID(int=0))


@command
def set_secret(*, actor: Actor, place: Place, name: str, value: Any) -> int:
    """Keep a value as a new version and return its number; one that was deleted begins anew after its last.

    `name` has 1 to 200 letters, digits and `._/-`, a letter first; `value` is JSON of at most 64 KB. Not
    idempotent: each call makes a version. Locks the secret. Raises SecretNameError, SecretValueError,
    KeyringMissingError.
    """
    if _NAME.fullmatch(name) is None:
        raise SecretNameError(
            _("a name has 1 to 200 letters, digits, dots, hyphens, underscores and slashes, a letter first")
        )
    plaintext = _encoded(value)
    Secret.objects.bulk_create([Secret(**place.columns(), name=name)], ignore_conflicts=True)
    secret = lock_secret(place, name)
    assert secret is not None
    secret.version += 1
    secret.deleted_at = None
    sealed = seal_value(secret, secret.version, plaintext)
    secret.save(update_fields=["version", "deleted_at"])
    SecretVersion.objects.create(
        secret=secret,
        number=secret.version,
        key_id=sealed.key_id,
        data_key=sealed.data_key,
        ciphertext=sealed.ciphertext,
    )
    _record(actor, "secretstore.secret_set", secret, version=secret.version)
    return secret.version


@command
def get_secret(
    *, actor: Actor, place: Place, name: str, schema: type[T], version: int | None = None
) -> T | None:
    """Return the newest value, or that of `version`, as `schema` reads it; None where there is none.

    Each value that is given out is audited, in the same transaction. Idempotent. Takes no locks. Raises
    SecretMalformedError, KeyringMissingError, SecretKeyUnknownError, SecretDamagedError.
    """
    return _read(actor, place, name, schema, version)


@command
def get_secret_or_raise(
    *, actor: Actor, place: Place, name: str, schema: type[T], version: int | None = None
) -> T:
    """Like `get_secret`, but raises SecretNotFoundError where there is none."""
    value = _read(actor, place, name, schema, version)
    if value is None:
        raise SecretNotFoundError(_("there is no secret %(name)s here") % {"name": name[:200]})
    return value


@command
def delete_secret(*, actor: Actor, place: Place, name: str) -> None:
    """Delete a secret: all its versions are wiped, and only their numbers and times stay.

    Not idempotent: a second call finds none. Locks the secret. Raises SecretNotFoundError.
    """
    secret = lock_secret(place, name)
    if secret is None or secret.deleted_at is not None:
        raise SecretNotFoundError(_("there is no secret %(name)s here") % {"name": name[:200]})
    secret.deleted_at = database_now()
    secret.save(update_fields=["deleted_at"])
    secret.versions.update(data_key=None, ciphertext=None)
    _record(actor, "secretstore.secret_deleted", secret, version=secret.version)


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


def _read(actor: Actor, place: Place, name: str, schema: type[T], number: int | None) -> T | None:
    versions = SecretVersion.objects.filter(
        secret__in=Secret.objects.filter(**place.columns(), name=name), ciphertext__isnull=False
    ).select_related("secret")
    found = versions.filter(number=number) if number is not None else versions.order_by("-number")
    version = found.first()
    if version is None:
        return None
    value = open_version(version)
    _record(actor, "secretstore.secret_read", version.secret, version=version.number)
    try:
        return TypeAdapter(schema).validate_json(value)
    except ValidationError:
        # Without its cause, which shows the value.
        message = _("the secret %(name)s has another form than its reader expects") % {"name": name}
        raise SecretMalformedError(message, name=name) from None


def _encoded(value: Any) -> bytes:
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError):
        raise SecretValueError(_("the value is not JSON")) from None
    if len(text) > _MAX_BYTES:
        raise SecretValueError(_("the value is larger than 64 KB"))
    return text


def _record(actor: Actor, action: str, secret: Secret, *, version: int) -> None:
    record_audit(
        actor=actor,
        action=action,
        subject_type="secretstore.secret",
        subject_id=secret.pk,
        data={"name": secret.name, "version": version},
    )
