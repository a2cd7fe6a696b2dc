"""What commands about credentials share, inside their transaction."""

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from django.utils.translation import gettext as _

from holo.apiauth.errors import (
    AddressNotAllowedError,
    KeyEndedError,
    KeyLifetimeError,
    ScopeNotHeldError,
    UnknownScopeError,
)
from holo.apiauth.events import KEY_CREATED, KEY_REVOKED, announce_key
from holo.apiauth.keys import KINDS, ORGANIZATION, ORGANIZATION_TOKEN, PERSONAL_TOKEN, hash_key, make_key
from holo.apiauth.locks import lock_api_key
from holo.apiauth.models import ApiKey
from holo.apiauth.networks import are_within
from holo.apiauth.scopes import OF_ORGANIZATION, SCOPES, scopes_of_user
from holo.audit.operations import record_audit
from holo.common.actor import Actor
from holo.common.clock import database_now
from holo.common.db import require_transaction
from holo.common.errors import NotFoundError
from holo.identity.models import User
from holo.identity.selectors import organization_ids_of

DEFAULT_LIFETIME = timedelta(days=90)
MAX_LIFETIME = timedelta(days=366)
MIN_LIFETIME = timedelta(minutes=1)
Kind = ApiKey.Kind


def known_scopes(scopes: Iterable[str]) -> list[str]:
    """Return scopes sorted, each once. Raises UnknownScopeError (also for none)."""
    wanted = sorted(set(scopes))
    unknown = [scope for scope in wanted if scope not in SCOPES]
    if unknown or not wanted:
        message = _("scopes are: %(known)s") % {"known": ", ".join(SCOPES)}
        raise UnknownScopeError(message, field="scopes", unknown=unknown)
    return wanted


def require_lifetime(expires_in: timedelta) -> None:
    """Raise KeyLifetimeError unless a credential may live so long."""
    if not MIN_LIFETIME <= expires_in <= MAX_LIFETIME:
        raise KeyLifetimeError(_("a key lives between one minute and 366 days"), field="expires_in_days")


def active_member(user_id: UUID, organization_id: UUID) -> User:
    """Return an active person of an organisation. Raises NotFoundError."""
    person = User.objects.filter(pk=user_id, is_active=True).first()
    if person is None or organization_id not in organization_ids_of(person):
        raise NotFoundError(_("there is no such active person in this organisation"))
    return person


def owner_of_scopes(owner_id: UUID, organization_id: UUID, wanted: list[str]) -> User:
    """Return a person who has these scopes now. Raises NotFoundError, ScopeNotHeldError."""
    owner = active_member(owner_id, organization_id)
    _require(wanted, scopes_of_user(owner), str(owner))
    return owner


def require_organization_scopes(wanted: list[str]) -> None:
    """Raise ScopeNotHeldError unless no person has to answer for any of these scopes."""
    _require(wanted, OF_ORGANIZATION, _("a token that is no person's"))


def bound_by_maker(actor: Actor, key: ApiKey) -> None:
    """Hold a new credential within the one that it is made with; nothing to do for a session.

    Locks the maker's, so that what is made while it is revoked ends with it. Raises KeyEndedError,
    ScopeNotHeldError, AddressNotAllowedError.
    """
    require_transaction()
    if actor.api_key_id is None:
        return
    maker = lock_api_key(actor.api_key_id)
    if maker.revoked_at is not None or maker.expires_at <= database_now():
        raise KeyEndedError(_("the key has been revoked or replaced, or has expired"))
    held = actor.scopes if maker.environment_id is None else frozenset[str]()
    _require(key.scopes, held, maker.prefix)
    if maker.networks and not key.networks:
        key.networks = maker.networks
    if maker.networks and not are_within(key.networks, maker.networks):
        raise AddressNotAllowedError(_("a token works from no more addresses than what it is made with"))
    key.expires_at = min(key.expires_at, maker.expires_at)
    key.made_with = maker


def _require(wanted: Iterable[str], held: frozenset[str], who: str) -> None:
    missing = sorted(set(wanted) - held)
    if missing:
        message = _("%(owner)s has not got: %(scopes)s") % {"owner": who, "scopes": ", ".join(missing)}
        raise ScopeNotHeldError(message, missing=missing)


def save_new_key(actor: Actor, key: ApiKey) -> str:
    """Give a credential its text, save it and write that it was made; return the text, which is not kept."""
    require_transaction()
    made = make_key(_marked(key))
    key.prefix, key.secret_hash = made.prefix, hash_key(made)
    key.save(force_insert=True)
    owner = str(key.owner_id) if key.owner_id else None
    record_audit(
        actor=actor,
        action="apiauth.key_created",
        subject_type="apiauth.apikey",
        subject_id=key.pk,
        data={"prefix": key.prefix, "kind": key.kind, "owner_id": owner, "scopes": key.scopes},
    )
    announce_key(KEY_CREATED, key, actor)
    return made.text


def _marked(key: ApiKey) -> str:
    """Return what stands after `holo_`."""
    if key.kind == Kind.PERSONAL:
        return PERSONAL_TOKEN
    if key.kind == Kind.ORGANIZATION:
        return ORGANIZATION_TOKEN
    return KINDS[key.environment.kind] if key.environment else ORGANIZATION


def end_key(actor: Actor, key: ApiKey) -> None:
    """End a locked credential, and what was made with it, for good."""
    require_transaction()
    if key.revoked_at is None:
        key.revoked_at = database_now()
        key.save(update_fields=["revoked_at"])
        record_audit(
            actor=actor,
            action="apiauth.key_revoked",
            subject_type="apiauth.apikey",
            subject_id=key.pk,
            data={"prefix": key.prefix},
        )
        announce_key(KEY_REVOKED, key, actor)
    for made_id in key.made.order_by("pk").values_list("pk", flat=True):
        end_key(actor, lock_api_key(made_id))


def shorten_made(key: ApiKey) -> None:
    """Let what was made with a locked credential, and with that, end no later than it does."""
    require_transaction()
    for made_id in key.made.order_by("pk").values_list("pk", flat=True):
        made = lock_api_key(made_id)
        if made.expires_at > key.expires_at:
            made.expires_at = key.expires_at
            made.save(update_fields=["expires_at"])
        shorten_made(made)
