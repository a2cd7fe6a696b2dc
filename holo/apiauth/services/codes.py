"""The commands behind a login from the command line: ask for a code, decide about it, take the token.

The device flow of RFC 8628 in the product's own words. Nobody but the program ever sees the code, nobody but
the person logged in decides, and the token is given out once.
"""

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from django.utils.translation import gettext as _

from holo.apiauth.errors import (
    CodeOverError,
    CodePendingError,
    CodeRefusedError,
    ScopeNotHeldError,
    SlowDownError,
    TooManyCodesError,
)
from holo.apiauth.locks import lock_address, lock_code
from holo.apiauth.models import ApiKey, AuthorizationCode
from holo.apiauth.operations import (
    DEFAULT_LIFETIME,
    Kind,
    active_member,
    known_scopes,
    save_new_key,
)
from holo.apiauth.scopes import scopes_of_user
from holo.audit.operations import record_audit
from holo.common.actor import Actor, OrganizationId, UserId
from holo.common.callers import crowd_of
from holo.common.clock import database_now
from holo.common.errors import NotFoundError
from holo.idempotency.commands import command

LIFETIME = timedelta(minutes=10)
# Codes that one address may have asked for within `LIFETIME`, and the time between two questions about one.
MAX_PER_ADDRESS = 20
POLL_EVERY = timedelta(seconds=5)
State = AuthorizationCode.State
# No vowels, so no words; no characters that look alike.
_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"


@dataclass(frozen=True, slots=True, kw_only=True)
class Polled:
    """What a question about a code finds: the token, or that it is too early to tell."""

    token: ApiKey | None = None
    text: str = field(default="", repr=False)

    def given(self) -> tuple[ApiKey, str]:
        """Return the token and its text. Raises CodePendingError: that it was asked for stays noted."""
        if self.token is None:
            raise CodePendingError(_("nobody has decided yet"))
        return self.token, self.text


def _hash(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()


@command
def create_authorization_code(
    *, client_name: str, scopes: Iterable[str], address: str
) -> tuple[AuthorizationCode, str]:
    """Note that a program asks for a person's token; return the row and the code, which is not kept.

    `client_name` has 1 to 100 characters and is what the program says of itself; `address` is the caller's.
    Not idempotent. Locks the address. Raises UnknownScopeError, TooManyCodesError.
    """
    wanted = known_scopes(scopes)
    crowd = crowd_of(address)
    lock_address(crowd)
    now = database_now()
    recent = AuthorizationCode.objects.filter(address=crowd, created_at__gt=now - LIFETIME)
    if recent.count() >= MAX_PER_ADDRESS:
        raise TooManyCodesError(_("too many codes were asked for from this address"))
    code = secrets.token_urlsafe(32)
    letters = "".join(secrets.choice(_LETTERS) for _letter in range(8))
    row = AuthorizationCode.objects.create(
        code_hash=_hash(code),
        user_code=f"{letters[:4]}-{letters[4:]}",
        client_name=client_name,
        scopes=wanted,
        address=crowd,
        created_at=now,
        expires_at=now + LIFETIME,
    )
    return row, code


@command
def decide_authorization_code(*, actor: Actor, code_id: UUID, approve: bool) -> AuthorizationCode:
    """Approve or refuse a code, once, for the actor and the actor's organisation.

    A second decision is refused, also of the same kind. Locks the code. Raises NotFoundError (no such code,
    or the actor is no active member there), CodeOverError, ScopeNotHeldError (the actor has none of what is
    asked for).
    """
    person = active_member(actor.person, actor.organization_id)
    row = lock_code(pk=code_id)
    if row is None:
        raise NotFoundError(_("there is no such code"))
    if row.state != State.OPEN or row.expires_at <= database_now():
        raise CodeOverError(_("the code has run out or was decided already"))
    if approve and not scopes_of_user(person).intersection(row.scopes):
        raise ScopeNotHeldError(_("you have none of what is asked for"), missing=row.scopes)
    row.state = State.APPROVED if approve else State.REFUSED
    row.user, row.organization_id = person, actor.organization_id
    row.save(update_fields=["state", "user", "organization"])
    record_audit(
        actor=actor,
        action="apiauth.code_approved" if approve else "apiauth.code_refused",
        subject_type="apiauth.authorizationcode",
        subject_id=row.pk,
        data={"scopes": row.scopes, "asked_from": row.address},
    )
    return row


@command
def exchange_authorization_code(*, code: str) -> Polled:
    """Give out the personal token of an approved code, once; or tell that nobody has decided yet.

    It has what was asked for and the person still has at this moment. Not idempotent: an answer that is lost
    takes a new code. Locks the code. Raises NotFoundError, CodeOverError, CodeRefusedError, SlowDownError.
    """
    row = lock_code(code_hash=_hash(code))
    if row is None:
        raise NotFoundError(_("there is no such code"))
    now = database_now()
    if row.state == State.REFUSED:
        raise CodeRefusedError(_("the person refused"))
    if row.state == State.USED or row.expires_at <= now:
        raise CodeOverError(_("the code has run out, or its token was given out"))
    if row.polled_at is not None and now - row.polled_at < POLL_EVERY:
        raise SlowDownError(_("wait for Retry-After between two calls"))
    if row.state == State.OPEN:
        row.polled_at = now
        row.save(update_fields=["polled_at"])
        return Polled()
    return _token_of(row)


def _token_of(row: AuthorizationCode) -> Polled:
    assert row.user_id is not None
    assert row.organization_id is not None
    try:
        person = active_member(row.user_id, row.organization_id)
    except NotFoundError:
        raise CodeRefusedError(_("the person has left the organisation")) from None
    scopes = sorted(scopes_of_user(person).intersection(row.scopes))
    if not scopes:
        raise CodeRefusedError(_("the person has none of the approved scopes any more"))
    actor = Actor(
        user_id=UserId(person.pk), organization_id=OrganizationId(row.organization_id), label=person.email
    )
    token = ApiKey(
        organization_id=row.organization_id,
        kind=Kind.PERSONAL,
        owner=person,
        name=row.client_name,
        scopes=scopes,
        expires_at=database_now() + DEFAULT_LIFETIME,
    )
    text = save_new_key(actor, token)
    row.state, row.token = State.USED, token
    row.save(update_fields=["state", "token"])
    return Polled(token=token, text=text)
