"""Changes and reads of secrets inside somebody's transaction."""

import json
import re
from typing import Any, TypeVar

from django.utils.translation import gettext as _
from pydantic import TypeAdapter, ValidationError

from holo.audit.operations import record_audit
from holo.common.actor import Actor
from holo.common.clock import database_now
from holo.common.db import require_transaction
from holo.secretstore.errors import (
    SecretMalformedError,
    SecretNameError,
    SecretNotFoundError,
    SecretValueError,
)
from holo.secretstore.locks import claim_secret, lock_secret
from holo.secretstore.models import Secret, SecretVersion
from holo.secretstore.places import Place
from holo.secretstore.sealing import open_version, seal_value

T = TypeVar("T")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9._/-]{0,199}")
_MAX_BYTES = 64 * 1024


def claim(place: Place, name: str) -> Secret:
    """Lock a secret that is about to be written; one that did not exist is added first and has no value.

    Raises SecretNameError.
    """
    if _NAME.fullmatch(name) is None:
        raise SecretNameError(
            _("a name has 1 to 200 letters, digits, dots, hyphens, underscores and slashes, a letter first"),
            field="name",
        )
    return claim_secret(place, name)


def write_secret(actor: Actor, place: Place, name: str, value: Any) -> Secret:
    """Keep a value as a new version; the secret's `version` is its number. See `set_secret`."""
    secret = claim(place, name)
    plaintext = encode_value(value)
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
    return secret


def read_secret(
    actor: Actor, place: Place, name: str, schema: type[T], number: int | None = None
) -> T | None:
    """Return a value and write that it was given out. See `get_secret`."""
    found = read_version(actor, place, name, schema, number)
    return None if found is None else found[1]


def read_version(
    actor: Actor, place: Place, name: str, schema: type[T], number: int | None = None
) -> tuple[SecretVersion, T] | None:
    """Like `read_secret`, but return the version with its value: one statement reads both, and the secret."""
    require_transaction()
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
        return version, TypeAdapter(schema).validate_json(value)
    except ValidationError:
        # Without its cause, which shows the value.
        message = _("the secret %(name)s has another form than its reader expects") % {"name": name}
        raise SecretMalformedError(message, name=name) from None


def wipe_secret(actor: Actor, place: Place, name: str) -> Secret:
    """Delete a secret with all its versions. See `delete_secret`."""
    secret = lock_secret(place, name)
    if secret is None or secret.deleted_at is not None:
        raise absent(name)
    secret.deleted_at = database_now()
    secret.save(update_fields=["deleted_at"])
    secret.versions.update(data_key=None, ciphertext=None)
    _record(actor, "secretstore.secret_deleted", secret, version=secret.version)
    return secret


def absent(name: str) -> SecretNotFoundError:
    """Return the refusal of a name that is not there."""
    return SecretNotFoundError(_("there is no secret %(name)s here") % {"name": name[:200]})


def encode_value(value: Any) -> bytes:
    """Return what is sealed of a value. Raises SecretValueError."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError):
        raise SecretValueError(_("the value is not JSON"), field="value") from None
    if len(text) > _MAX_BYTES:
        raise SecretValueError(_("the value is larger than 64 KB"), field="value")
    return text


def _record(actor: Actor, action: str, secret: Secret, *, version: int) -> None:
    record_audit(
        actor=actor,
        action=action,
        subject_type="secretstore.secret",
        subject_id=secret.pk,
        data={"name": secret.name, "version": version},
    )
