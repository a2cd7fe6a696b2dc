"""Reads of API keys."""

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from django.db import connection
from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce, Now

from holo.apiauth.keys import KeyText, hash_key
from holo.apiauth.models import ApiKey, AuthorizationCode
from holo.audit.selectors import subjects_of
from holo.common.actor import Actor
from holo.common.rows import columns, from_row, width
from holo.identity.models import Membership, Organization, User
from holo.identity.operations import role_required
from holo.identity.selectors import managed_organization_ids
from holo.secretstore.places import Place, place_of

# Asked once a request: everything about the caller in one round trip.
_USABLE = f"""
SELECT {columns(ApiKey, "k")}, {columns(User, "u")}, {columns(Organization, "o")}, ARRAY(
    SELECT g.name FROM auth_group g JOIN identity_user_groups m ON m.group_id = g.id WHERE m.user_id = u.id)
FROM apiauth_apikey k
LEFT JOIN identity_user u ON u.id = k.owner_id
JOIN identity_organization o ON o.id = k.organization_id
WHERE {{}} AND k.revoked_at IS NULL AND k.expires_at > now() AND (k.owner_id IS NULL
    OR u.is_active AND (u.is_superuser
        OR EXISTS (SELECT FROM identity_membership m WHERE (m.user_id, m.organization_id) = (u.id, o.id)
            AND m.created_at <= k.created_at)))
"""  # noqa: S608 # of the code's own words
# With the hash: of a wrong secret no row is joined and read, or its refusal would take longer than that of an
# unknown prefix (`benchmarks/timing.py`). What comparing hashes may tell is of no use: it is of no key.
_BY_KEY = _USABLE.format("k.prefix = %s AND k.secret_hash = %s")
_BY_ID = _USABLE.format("k.id = %s")


def find_usable_key(given: KeyText) -> tuple[ApiKey, frozenset[str]] | None:
    """Return the row of a key with owner and organisation, and the names of its owner's groups.

    None if the secret is wrong, the key has ended or its owner may not use it: an owner must be active and,
    unless a superuser, belong to the organisation since before the key was made: who left and came back has
    new ones. An organisation's token has no owner.
    """
    return _find(_BY_KEY, given.prefix, hash_key(given))


def find_usable_key_by_id(key_id: UUID) -> tuple[ApiKey, frozenset[str]] | None:
    """Like `find_usable_key`, by the id that a public token names."""
    return _find(_BY_ID, key_id)


def _find(statement: str, *values: str | UUID) -> tuple[ApiKey, frozenset[str]] | None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        row = cursor.fetchone()
    if row is None:
        return None
    user = width(ApiKey)
    organization = user + width(User)
    key = from_row(ApiKey, row[:user])
    key.owner = from_row(User, row[user:organization]) if key.owner_id else None
    key.organization = from_row(Organization, row[organization:-1])
    return key, frozenset(row[-1])


def is_usable(key_id: UUID) -> bool:
    """Tell whether a key, or one of those that replaced it, has neither ended nor been revoked."""
    first = ApiKey.objects.filter(pk=key_id).values(found=Coalesce("first_id", "id"))
    rotations = ApiKey.objects.filter(Q(pk__in=first) | Q(first_id__in=first))
    return rotations.filter(revoked_at__isnull=True, expires_at__gt=Now()).exists()


def has_just_replaced(actor: Actor, key_id: UUID) -> bool:
    """Tell whether the acting person has replaced a key within the last two minutes."""
    replaced = ApiKey.objects.filter(pk=key_id, replaced_by__created_at__gt=Now() - timedelta(minutes=2))
    return replaced.exists() and str(key_id) in subjects_of(
        actor_id=actor.person, action="apiauth.key_replaced", subject_type="apiauth.apikey"
    )


def place_of_key(key_id: UUID) -> Place:
    """Return where the secret of an environment's key is kept. Raises ApiKey.DoesNotExist."""
    key = ApiKey.objects.select_related("environment").get(pk=key_id, environment__isnull=False)
    assert key.environment is not None
    return place_of(key.environment)


def signing_secret_name(key_id: UUID) -> str:
    """Return what the secret that signs a key's public tokens is called, in its environment."""
    return f"apiauth/signing/{key_id}"


def list_api_keys(organization_ids: Iterable[UUID] | None = None) -> QuerySet[ApiKey]:
    """Return the keys and tokens of some organisations (None: of all), newest first."""
    keys = ApiKey.objects.select_related("owner", "organization", "environment__project", "replaced_by")
    return keys if organization_ids is None else keys.filter(organization_id__in=list(organization_ids))


def find_open_code(code_id: UUID) -> AuthorizationCode | None:
    """Return a code that waits for a decision."""
    return AuthorizationCode.objects.filter(
        pk=code_id, state=AuthorizationCode.State.OPEN, expires_at__gt=Now()
    ).first()


def find_own_decision(code_id: UUID, user_id: UUID) -> AuthorizationCode | None:
    """Return a code that the person has decided, unless it ran out before its program took the token."""
    stands = Q(state=AuthorizationCode.State.USED) | Q(expires_at__gt=Now())
    return AuthorizationCode.objects.filter(stands, pk=code_id, user_id=user_id).first()


def role_of(actor: Actor) -> str | None:
    """Return what the acting person is in the organisation; None for who is no member, or no person."""
    if actor.user_id is None:
        return None
    member = Membership.objects.filter(user_id=actor.user_id, organization_id=actor.organization_id)
    return member.values_list("role", flat=True).first()


def list_personal_tokens(actor: Actor) -> QuerySet[ApiKey]:
    """Return the actor's own personal tokens in the organisation; none for whoever is no person."""
    return list_api_keys([actor.organization_id]).filter(
        kind=ApiKey.Kind.PERSONAL, owner_id=actor.user_id, owner__isnull=False
    )


def list_organization_tokens(actor: Actor) -> QuerySet[ApiKey]:
    """Return the tokens of the actor's organisation. Raises RoleRequiredError for who does not manage it."""
    person = User.objects.filter(pk=actor.user_id).first() if actor.user_id else None
    managed = person is not None and actor.organization_id in managed_organization_ids(person)
    if not managed and not (person is not None and person.is_superuser):
        raise role_required()
    return list_api_keys([actor.organization_id]).filter(kind=ApiKey.Kind.ORGANIZATION)
