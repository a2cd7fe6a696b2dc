"""The commands about keys and tokens that are kept: make one, replace it, end it."""

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from django.utils.translation import gettext as _

from holo.apiauth.errors import GraceInvalidError, KeyEndedError, OwnKeyOnlyError
from holo.apiauth.locks import lock_api_key
from holo.apiauth.models import ApiKey
from holo.apiauth.networks import parse_networks
from holo.apiauth.operations import (
    DEFAULT_LIFETIME,
    Kind,
    bound_by_maker,
    end_key,
    known_scopes,
    owner_of_scopes,
    require_lifetime,
    require_organization_scopes,
    save_new_key,
    shorten_made,
)
from holo.apiauth.scopes import ORDERS_AUDIT
from holo.audit.operations import record_audit
from holo.common.actor import Actor, OrganizationId, system_actor
from holo.common.clock import database_now
from holo.common.errors import NotFoundError
from holo.common.texts import clean_text
from holo.idempotency.commands import RequestKey, command
from holo.identity.models import Environment, User
from holo.identity.operations import require_manager

# How long a replaced key goes on working, so that what uses it can be changed one after the other.
DEFAULT_GRACE = timedelta(hours=24)
MAX_GRACE = timedelta(hours=168)
LONGEST_NAME = 100


@command
def create_api_key(
    *,
    actor: Actor | None,
    owner_id: UUID | None,
    organization_id: UUID,
    name: str,
    scopes: Iterable[str],
    expires_in: timedelta = DEFAULT_LIFETIME,
    networks: Iterable[str] = (),
    environment_id: UUID | None = None,
    kind: ApiKey.Kind = Kind.KEY,
    request_key: RequestKey | None = None,
) -> tuple[ApiKey, str]:
    """Make a credential in an organisation; return the row and the text, which is not kept.

    A key or personal token acts for its owner, an organisation's token (`owner_id` None) for nobody. With
    `environment_id` a key is for that environment, and reaches no other one's variables.

    `actor` is None when the system makes it. Made with another credential, it can do no more, works from
    nowhere else, lives no longer and ends with it; then that one is locked. Not idempotent: each call makes
    another. Raises NotFoundError (no such active person or environment there), UnknownScopeError,
    ScopeNotHeldError (of the owner or maker), KeyLifetimeError, RoleRequiredError (an organisation's token
    takes a manager), OwnKeyOnlyError (`orders:audit`, or a personal token, for somebody else),
    AddressNotAllowedError, InvalidError (of `name`), NetworkInvalidError (`networks` are addresses or CIDR;
    none means from anywhere).
    """
    wanted = known_scopes(scopes)
    require_lifetime(expires_in)
    acting = actor or system_actor(OrganizationId(organization_id))
    key = ApiKey(
        organization_id=organization_id,
        environment=_environment(organization_id, environment_id),
        kind=kind,
        owner=_owner(actor, kind, owner_id, organization_id, wanted),
        name=clean_text(name, field="name", longest=LONGEST_NAME, joiners=True) if name else "",
        scopes=wanted,
        networks=parse_networks(networks),
        expires_at=database_now() + expires_in,
    )
    bound_by_maker(acting, key)
    return key, save_new_key(acting, key)


def _owner(
    actor: Actor | None, kind: ApiKey.Kind, owner_id: UUID | None, organization_id: UUID, wanted: list[str]
) -> User | None:
    """Return for whom it acts, after asking whether the actor may make it."""
    if kind == Kind.ORGANIZATION:
        require_organization_scopes(wanted)
        if actor is not None:
            require_manager(actor)
            owner_of_scopes(actor.person, organization_id, wanted)
        return None
    if owner_id is None:
        raise NotFoundError(_("there is no such active person in this organisation"))
    if actor is not None and actor.user_id != owner_id:
        if ORDERS_AUDIT in wanted:
            raise OwnKeyOnlyError(_("only its owner makes a key that decides"))
        if kind == Kind.PERSONAL:
            raise OwnKeyOnlyError(_("only a person makes their own token"))
    return owner_of_scopes(owner_id, organization_id, wanted)


def _environment(organization_id: UUID, environment_id: UUID | None) -> Environment | None:
    if environment_id is None:
        return None
    found = Environment.objects.filter(pk=environment_id, organization_id=organization_id).first()
    if found is None:
        raise NotFoundError(_("there is no such environment in this organisation"))
    return found


@command
def rotate_api_key(
    *, actor: Actor | None, key_id: UUID, grace: timedelta = DEFAULT_GRACE
) -> tuple[ApiKey, str]:
    """Replace a credential by a new one of the same owner, scopes, networks and length of life.

    The old one works for `grace` longer (none to 168 hours), or until it expires, if that is sooner, and what
    was made with it no longer than that. Not idempotent, but a key is replaced once. Locks what it was made
    with, then the key, then what was made with it. Raises NotFoundError,
    KeyEndedError, GraceInvalidError, ScopeNotHeldError (the owner has less by now), OwnKeyOnlyError
    (somebody else's), RoleRequiredError (an organisation's token takes a manager).
    """
    if not timedelta(0) <= grace <= MAX_GRACE:
        raise GraceInvalidError(_("a replaced key goes on working for none to 168 hours"), field="grace")
    # The maker's first, as revoking does: else it could end what it made and miss the replacement.
    maker_id = ApiKey.objects.filter(pk=key_id).values_list("made_with", flat=True).first()
    if maker_id is not None:
        lock_api_key(maker_id)
    old = _lock(actor, key_id)
    now = database_now()
    if old.revoked_at is not None or old.replaced_by_id is not None or old.expires_at <= now:
        raise KeyEndedError(_("the key has been revoked or replaced, or has expired"))
    if actor is not None and old.owner_id is not None and actor.user_id != old.owner_id:
        # Who is shown the new key could act in the owner's name.
        raise OwnKeyOnlyError(_("only its owner replaces a key"))
    new = ApiKey(
        organization_id=old.organization_id,
        environment=old.environment,
        kind=old.kind,
        owner=_owner(actor, ApiKey.Kind(old.kind), old.owner_id, old.organization_id, old.scopes),
        name=old.name,
        scopes=old.scopes,
        networks=old.networks,
        made_with=old.made_with,
        first_id=old.first_id or old.pk,
        expires_at=now + (old.expires_at - old.created_at),
    )
    if old.made_with is not None:
        new.expires_at = min(new.expires_at, old.made_with.expires_at)
    acting = actor or system_actor(OrganizationId(old.organization_id))
    text = save_new_key(acting, new)
    old.replaced_by = new
    old.expires_at = min(old.expires_at, now + grace)
    old.save(update_fields=["replaced_by", "expires_at"])
    shorten_made(old)
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
def revoke_api_key(*, actor: Actor | None, key_id: UUID, request_key: RequestKey | None = None) -> ApiKey:
    """End a credential at once, and what was made with it.

    Whether it is the actor's to end is asked where it is chosen. Idempotent: one that has been revoked stays
    as it is. Locks the key, then those made with it. Raises NotFoundError (also for a key of another
    organisation than the actor's).
    """
    key = _lock(actor, key_id)
    end_key(actor or system_actor(OrganizationId(key.organization_id)), key)
    return key


@command
def revoke_token(
    *, actor: Actor, kind: ApiKey.Kind, key_id: UUID, request_key: RequestKey | None = None
) -> ApiKey:
    """End one's own personal token, or as a manager one of the organisation; else like `revoke_api_key`.

    Raises NotFoundError (also for somebody else's), RoleRequiredError.
    """
    if kind == Kind.ORGANIZATION:
        require_manager(actor)
    key = _lock(actor, key_id)
    if key.kind != kind or (kind == Kind.PERSONAL and key.owner_id != actor.user_id):
        raise NotFoundError(_("there is no such key"))
    end_key(actor, key)
    return key
