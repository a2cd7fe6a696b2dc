"""The commands of this package: make a key, end a key."""

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from django.utils.translation import gettext as _

from holo.apiauth.errors import KeyLifetimeError, OwnKeyOnlyError, ScopeNotHeldError, UnknownScopeError
from holo.apiauth.keys import hash_key, make_key
from holo.apiauth.locks import lock_api_key
from holo.apiauth.models import ApiKey
from holo.apiauth.scopes import ORDERS_AUDIT, SCOPES, scopes_of_user
from holo.audit.operations import record_audit
from holo.common.actor import Actor, OrganizationId, system_actor
from holo.common.clock import database_now
from holo.common.errors import NotFoundError
from holo.idempotency.commands import command
from holo.identity.models import User
from holo.identity.selectors import organization_ids_of

DEFAULT_LIFETIME = timedelta(days=90)
MAX_LIFETIME = timedelta(days=366)
MIN_LIFETIME = timedelta(minutes=1)


@command
def create_api_key(
    *,
    actor: Actor | None,
    owner_id: UUID,
    organization_id: UUID,
    name: str,
    scopes: Iterable[str],
    expires_in: timedelta = DEFAULT_LIFETIME,
) -> tuple[ApiKey, str]:
    """Make a key of a person in an organisation; return the row and the key itself, which is not kept.

    `actor` is None when the system makes it. Not idempotent: each call makes another. Takes no locks.
    Raises NotFoundError (no such active person there), UnknownScopeError, ScopeNotHeldError (the owner lacks
    what the key shall have), KeyLifetimeError, OwnKeyOnlyError (`orders:audit` for somebody else).
    """
    wanted = sorted(set(scopes))
    unknown = [scope for scope in wanted if scope not in SCOPES]
    if unknown or not wanted:
        raise UnknownScopeError(_("scopes are: %(known)s") % {"known": ", ".join(SCOPES)}, unknown=unknown)
    if not MIN_LIFETIME <= expires_in <= MAX_LIFETIME:
        raise KeyLifetimeError(_("a key lives between one minute and 366 days"))
    if ORDERS_AUDIT in wanted and actor is not None and actor.user_id != owner_id:
        raise OwnKeyOnlyError(_("only its owner makes a key that decides"))
    owner = _owner(owner_id, organization_id, wanted)
    made = make_key()
    key = ApiKey.objects.create(
        organization_id=organization_id,
        owner=owner,
        name=name,
        prefix=made.prefix,
        secret_hash=hash_key(made),
        scopes=wanted,
        expires_at=database_now() + expires_in,
    )
    record_audit(
        actor=actor or system_actor(OrganizationId(organization_id)),
        action="apiauth.key_created",
        subject_type="apiauth.apikey",
        subject_id=key.pk,
        data={"prefix": key.prefix, "owner_id": str(owner.pk), "scopes": wanted},
    )
    return key, made.text


def _owner(owner_id: UUID, organization_id: UUID, wanted: list[str]) -> User:
    owner = User.objects.filter(pk=owner_id, is_active=True).first()
    if owner is None or organization_id not in organization_ids_of(owner):
        raise NotFoundError(_("there is no such active person in this organisation"))
    missing = sorted(set(wanted) - scopes_of_user(owner))
    if missing:
        message = _("%(owner)s has not got: %(scopes)s") % {"owner": owner, "scopes": ", ".join(missing)}
        raise ScopeNotHeldError(message, missing=missing)
    return owner


@command
def revoke_api_key(*, actor: Actor | None, key_id: UUID) -> ApiKey:
    """End a key at once. Idempotent: a key that has been revoked stays as it is. Locks the key.

    Raises NotFoundError (also for a key of another organisation than the actor's).
    """
    try:
        key = lock_api_key(key_id)
    except ApiKey.DoesNotExist:
        raise NotFoundError(_("there is no such key")) from None
    if actor is not None and actor.organization_id != key.organization_id:
        raise NotFoundError(_("there is no such key"))
    if key.revoked_at is not None:
        return key
    key.revoked_at = database_now()
    key.save(update_fields=["revoked_at"])
    record_audit(
        actor=actor or system_actor(OrganizationId(key.organization_id)),
        action="apiauth.key_revoked",
        subject_type="apiauth.apikey",
        subject_id=key.pk,
        data={"prefix": key.prefix},
    )
    return key
