"""A client's Idempotency-Key: whose it is, for which call, and what a repeated call must have in common."""

import hashlib
import json

from django.http import HttpRequest
from django.utils.translation import gettext as _
from rest_framework.request import Request

from holo.apiauth.authentication import Grant
from holo.common.actor import Actor
from holo.idempotency.errors import KeyInvalidError

_MAX_KEY = 255
_BUYER = ":buyer:"
_MAX_SCOPE = 200


def read_idempotency_key(request: Request | HttpRequest) -> str | None:
    """Return the client's key, None where none is sent. Raises KeyInvalidError.

    Servers join a header that is sent twice with a comma, so a comma counts as two keys.
    """
    key = request.META.get("HTTP_IDEMPOTENCY_KEY")
    if key is None:
        return None
    printable = all("!" <= char <= "~" and char != "," for char in key)
    if not key or len(key) > _MAX_KEY or not printable:
        raise KeyInvalidError(
            _("send one Idempotency-Key of 1 to 255 printable ASCII characters without commas"),
            header="Idempotency-Key",
        )
    return str(key)


def principal_of(actor: Actor, grant: Grant) -> str:
    """Return whose keys are the same: those of a person in an organisation, whatever the credential.

    A key for an environment means other things in another one, so there it is the person in that environment.
    For an organisation's token, which is no person's, it is the first token of its rotations. The buyers for
    whom a key signs public tokens are strangers to each other; a buyer's next token continues the one before.
    """
    key = grant.api_key
    if actor.user_id is not None:
        principal = f"{actor.user_id}@{actor.environment_id or actor.organization_id}"
    else:
        assert key is not None
        principal = str(key.first_id or key.pk)
    return f"{principal}{_BUYER}{grant.public.buyer}" if grant.public is not None else principal


def all_scopes_of(principal: str) -> str:
    """Return what the scopes of a principal begin with, and those of its key's public tokens."""
    return f"http:{principal.partition(_BUYER)[0]}:"


def scope_of(request: Request, principal: str) -> str:
    """Return principal, method and route with its ids; hashed where that is too long for the column.

    Where a long name of a buyer does not fit beside the hash, the name is only in the hash.
    """
    match = request.resolver_match
    route = match.route if match else request.path
    ids = ",".join(f"{name}={value}" for name, value in sorted(match.kwargs.items())) if match else ""
    scope = f"http:{principal}:{request.method}:{route}:{ids}"
    if len(scope) <= _MAX_SCOPE:
        return scope
    digest = hashlib.sha256(scope.encode()).hexdigest()
    hashed = f"http:{principal}:{digest}"
    return hashed if len(hashed) <= _MAX_SCOPE else all_scopes_of(principal) + digest


def former_scope_of(request: Request, grant: Grant) -> str:
    """Return the scope of versions in which keys belonged to a credential; empty for a session.

    Sessions have the same scope as then. Rows of those versions end a day after the upgrade.
    """
    if grant.api_key is None:
        return ""
    caller = str(grant.api_key.pk)
    return scope_of(request, f"{caller}:{grant.public.jti}" if grant.public is not None else caller)


def content_of(request: Request) -> str:
    """Return the body in one form, whatever the order of its names and its blanks."""
    return json.dumps(request.data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
