"""The commands of this package: make a key, replace it, end it."""

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from django.utils.translation import gettext as _

from holo.apiauth.errors import (
    GraceInvalidError,
    KeyEndedError,
    KeyLifetimeError,
    OwnKeyOnlyError,
    ScopeNotHeldError,
    UnknownScopeError,
)
from holo.apiauth.keys import KINDS, ORGANIZATION, hash_key, make_key
from holo.apiauth.locks import lock_api_key
from holo.apiauth.models import ApiKey
from holo.apiauth.networks import parse_networks
from holo.apiauth.scopes import ORDERS_AUDIT, SCOPES, scopes_of_user
from holo.audit.operations import record_audit
from holo.common.actor import Actor, OrganizationId, system_actor
from holo.common.clock import database_now
from holo.common.errors import NotFoundError
from holo.idempotency.commands import command
from holo.identity.models import Environment, User
from holo.identity.selectors import organization_ids_of

DEFAULT_LIFETIME = timedelta(days=90)
MAX_LIFETIME = timedelta(days=366)
MIN_LIFETIME = timedelta(minutes=1)
# How long a replaced key goes on working, so that what uses it can be changed one after the other.
DEFAULT_GRACE = timedelta(hours=24)
MAX_GRACE = timedelta(hours=168)


@command
def create_api_key(
    *,
    actor: Actor | None,
    owner_id: UUID,
    organization_id: UUID,
    name: str,
    scopes: Iterable[str],
    expires_in: timedelta = DEFAULT_LIFETIME,
    networks: Iterable[str] = (),
    environment_id: UUID | None = None,
) -> tuple[ApiKey, str]:
    """Make a key of a person in an organisation; return the row and the key itself, which is not kept.

    With `environment_id` it is for that environment, and reaches no other one's variables.

    `actor` is None when the system makes it. Not idempotent: each call makes another. Takes no locks.
    Raises NotFoundError (no such active person there), UnknownScopeError, ScopeNotHeldError (the owner lacks
    what the key shall have), KeyLifetimeError, OwnKeyOnlyError (`orders:audit` for somebody else),
    NetworkInvalidError (`networks` are addresses or CIDR; none means from anywhere).
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
    environment = None
    if environment_id is not None:
        environment = Environment.objects.filter(pk=environment_id, organization_id=organization_id).first()
        if environment is None:
            raise NotFoundError(_("there is no such environment in this organisation"))
    return _make(
        actor or system_actor(OrganizationId(organization_id)),
        ApiKey(
            organization_id=organization_id,
            environment=environment,
            owner=owner,
            name=name,
            scopes=wanted,
            networks=parse_networks(networks),
            expires_at=database_now() + expires_in,
        ),
    )


def _make(actor: Actor, key: ApiKey) -> tuple[ApiKey, str]:
    """Give a key its text, save it and write that it was made."""
    made = make_key(KINDS[key.environment.kind] if key.environment else ORGANIZATION)
    key.prefix, key.secret_hash = made.prefix, hash_key(made)
    key.save(force_insert=True)
    record_audit(
        actor=actor,
        action="apiauth.key_created",
        subject_type="apiauth.apikey",
        subject_id=key.pk,
        data={"prefix": key.prefix, "owner_id": str(key.owner_id), "scopes": key.scopes},
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
def rotate_api_key(
    *, actor: Actor | None, key_id: UUID, grace: timedelta = DEFAULT_GRACE
) -> tuple[ApiKey, str]:
    """Replace a key by a new one of the same owner, scopes, networks and length of life.

    The old one works for `grace` longer (none to 168 hours), or until it expires, if that is sooner. Not
    idempotent, but a key is replaced once. Locks the key. Raises NotFoundError, KeyEndedError,
    GraceInvalidError, ScopeNotHeldError (the owner has less by now), OwnKeyOnlyError (somebody else's).
    """
    if not timedelta(0) <= grace <= MAX_GRACE:
        raise GraceInvalidError(_("a replaced key goes on working for none to 168 hours"))
    old = _lock(actor, key_id)
    now = database_now()
    if old.revoked_at is not None or old.replaced_by_id is not None or old.expires_at <= now:
        raise KeyEndedError(_("the key has been revoked or replaced, or has expired"))
    if actor is not None and actor.user_id != old.owner_id:
        # Who is shown the new key could act in the owner's name.
        raise OwnKeyOnlyError(_("only its owner replaces a key"))
    owner = _owner(old.owner_id, old.organization_id, old.scopes)
    acting = actor or system_actor(OrganizationId(old.organization_id))
    new, text = _make(
        acting,
        ApiKey(
            organization_id=old.organization_id,
            environment=old.environment,
            owner=owner,
            name=old.name,
            scopes=old.scopes,
            networks=old.networks,
            expires_at=now + (old.expires_at - old.created_at),
        ),
    )
    old.replaced_by = new
    old.expires_at = min(old.expires_at, now + grace)
    old.save(update_fields=["replaced_by", "expires_at"])
    record_audit(
        actor=acting,
        action="apiauth.key_replaced",
        subject_type="apiauth.apikey",
        subject_id=old.pk,
        data={"prefix": old.prefix, "by": new.prefix, "works_until": old.expires_at.isoformat()},
    )
    return new, text


def _lock(actor: Actor | None, key_id: UUID) -> ApiKey:
    """Lock a key of the actor's organisation. Raises NotFoundError."""
    try:
        key = lock_api_key(key_id)
    except ApiKey.DoesNotExist:
        raise NotFoundError(_("there is no such key")) from None
    if actor is not None and actor.organization_id != key.organization_id:
        raise NotFoundError(_("there is no such key"))
    return key


@command
def revoke_api_key(*, actor: Actor | None, key_id: UUID) -> ApiKey:
    """End a key at once. Idempotent: a key that has been revoked stays as it is. Locks the key.

    Raises NotFoundError (also for a key of another organisation than the actor's).
    """
    key = _lock(actor, key_id)
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
