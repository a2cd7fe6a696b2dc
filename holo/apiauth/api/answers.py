"""What the endpoints of credentials answer with."""

from typing import Any

from rest_framework import serializers

from holo.apiauth.models import ApiKey, AuthorizationCode
from holo.apiauth.public_tokens import Claims
from holo.identity.models import Environment
from holo.identity.roles import Role

CREDENTIALS = ("session", "api_key", "personal_token", "organization_token", "public_token")
_ONCE = "Shown this once; null where the answer is replayed for an Idempotency-Key."


class TokenAnswer(serializers.Serializer[Any]):
    """A token, without its secret."""

    id = serializers.UUIDField()
    prefix = serializers.CharField(help_text="The eight characters after `holo_pat_` or `holo_oat_`.")
    name = serializers.CharField()
    scopes = serializers.ListField(child=serializers.CharField())
    networks = serializers.ListField(child=serializers.CharField(), help_text="Empty: from anywhere.")
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    last_used_at = serializers.DateTimeField(allow_null=True, help_text="To the minute.")
    revoked_at = serializers.DateTimeField(allow_null=True)


class NewTokenAnswer(TokenAnswer):
    """A token, with its secret this once."""

    token = serializers.CharField(allow_null=True, help_text=_ONCE)


class PublicTokenAnswer(serializers.Serializer[Any]):
    """A signed token."""

    token = serializers.CharField(allow_null=True, help_text=_ONCE)
    environment_id = serializers.UUIDField()
    scopes = serializers.ListField(child=serializers.CharField())
    one_time = serializers.BooleanField()
    buyer = serializers.CharField(help_text="Whose orders alone it reaches; empty: none")
    expires_at = serializers.DateTimeField()


class CodeAnswer(serializers.Serializer[Any]):
    """A code to poll with, and where the person approves it."""

    code = serializers.CharField(help_text="For the program alone; shown to nobody.")
    user_code = serializers.CharField(help_text="Show it: the page shows the same one.")
    url = serializers.URLField(help_text="For the person to open.")
    interval_seconds = serializers.IntegerField(help_text="Between two calls of `POST /tokens`.")
    expires_at = serializers.DateTimeField()


class NamedAnswer(serializers.Serializer[Any]):
    """Something with a short name."""

    id = serializers.UUIDField()
    slug = serializers.CharField()
    name = serializers.CharField()


class WhoAmIUser(serializers.Serializer[Any]):
    """A person."""

    id = serializers.UUIDField()
    email = serializers.EmailField()
    name = serializers.CharField()


class WhoAmIEnvironment(serializers.Serializer[Any]):
    """The environment of a key."""

    id = serializers.UUIDField()
    slug = serializers.CharField()
    kind = serializers.ChoiceField(choices=Environment.Kind.values)


class WhoAmICredential(serializers.Serializer[Any]):
    """What was sent in the Authorization header."""

    id = serializers.UUIDField()
    prefix = serializers.CharField()
    name = serializers.CharField()


class WhoAmIAnswer(serializers.Serializer[Any]):
    """Who calls, for whom, with what and until when."""

    kind = serializers.ChoiceField(choices=CREDENTIALS)
    user = WhoAmIUser(allow_null=True, help_text="Null for an organisation's and a public token.")
    organization = NamedAnswer()
    role = serializers.ChoiceField(choices=Role.values, allow_null=True, help_text="Of the person, there.")
    environment = WhoAmIEnvironment(allow_null=True)
    scopes = serializers.ListField(child=serializers.CharField(), help_text="At this moment.")
    buyer = serializers.CharField(
        allow_null=True, help_text="Of a public token: whose orders alone it reaches. Else null."
    )
    credential = WhoAmICredential(allow_null=True, help_text="Null for a session.")
    expires_at = serializers.DateTimeField(allow_null=True, help_text="Of the credential.")


def render_token(key: ApiKey) -> dict[str, object]:
    """Return a token as it is answered with."""
    return {
        "id": str(key.pk),
        "prefix": key.prefix,
        "name": key.name,
        "scopes": key.scopes,
        "networks": key.networks,
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "last_used_at": key.last_used_at,
        "revoked_at": key.revoked_at,
    }


def render_new_token(made: tuple[ApiKey, str]) -> dict[str, object]:
    """Return a new token as it is kept under an Idempotency-Key, without its secret."""
    return {**render_token(made[0]), "token": None}


def render_public_token(signed: tuple[Claims, str]) -> dict[str, object]:
    """Return a signed token as it is kept under an Idempotency-Key, without its text."""
    claims, _text = signed
    return {
        "token": None,
        "environment_id": str(claims.environment_id),
        "scopes": sorted(claims.scopes),
        "one_time": claims.one_time,
        "buyer": claims.buyer,
        "expires_at": claims.expires_at,
    }


def show_token(made: tuple[object, str]) -> dict[str, object]:
    """Return what is answered once."""
    return {"token": made[1]}


def render_code(row: AuthorizationCode, code: str, url: str, interval: int) -> dict[str, object]:
    """Return a new code as it is answered with."""
    return {
        "code": code,
        "user_code": row.user_code,
        "url": url,
        "interval_seconds": interval,
        "expires_at": row.expires_at,
    }
