"""The caller, as `GET /api/v1/whoami` answers it."""

from holo.apiauth.authentication import Grant
from holo.apiauth.models import ApiKey
from holo.apiauth.selectors import role_of
from holo.common.actor import Actor
from holo.identity.models import Environment, Organization, User

_KINDS = {
    ApiKey.Kind.KEY: "api_key",
    ApiKey.Kind.PERSONAL: "personal_token",
    ApiKey.Kind.ORGANIZATION: "organization_token",
}


def render_caller(actor: Actor, grant: Grant, user: User | None) -> dict[str, object]:
    """Return who calls, in which organisation, as what, with which credential and until when.

    A public token lies open in browsers: to its holder the person behind the key is nobody.
    """
    key = grant.api_key
    user = None if grant.public else user
    organization = key.organization if key else Organization.objects.get(pk=actor.organization_id)
    expires_at = grant.public.expires_at if grant.public else key.expires_at if key else None
    return {
        "kind": _kind(grant),
        "user": {"id": str(user.pk), "email": user.email, "name": user.name} if user else None,
        "organization": {
            "id": str(organization.pk),
            "slug": organization.slug,
            "name": organization.name,
        },
        "role": None if grant.public else role_of(actor),
        "environment": _environment(key.environment) if key and key.environment_id else None,
        "scopes": sorted(grant.scopes),
        "buyer": actor.buyer,
        "credential": _credential(key, public=grant.public is not None) if key else None,
        "expires_at": expires_at,
    }


def _credential(key: ApiKey, *, public: bool) -> dict[str, object]:
    return {"id": str(key.pk), "prefix": key.prefix, "name": "" if public else key.name}


def _kind(grant: Grant) -> str:
    if grant.api_key is None:
        return "session"
    return "public_token" if grant.public else _KINDS[ApiKey.Kind(grant.api_key.kind)]


def _environment(environment: Environment | None) -> dict[str, object] | None:
    if environment is None:
        return None
    return {"id": str(environment.pk), "slug": environment.slug, "kind": environment.kind}
