"""Commands about who is asked into an organisation."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError
from django.utils.translation import gettext as _

from holo.common.actor import Actor, OrganizationId, UserId
from holo.common.characters import normal_email
from holo.common.clock import database_now
from holo.common.db import UNIQUE_VIOLATION, contained, sqlstate
from holo.common.errors import DomainError, NotFoundError, ThrottledError
from holo.common.texts import clean_text
from holo.idempotency.commands import RequestKey, command
from holo.identity import events
from holo.identity.erasure import retire_unused_person
from holo.identity.errors import AlreadyMemberError, InvitationOverError, LastOwnerError, PersonKnownError
from holo.identity.invitation_tokens import hash_token, make_token
from holo.identity.issuers import end_invitation, invitation_stands, record_invitation, token_of
from holo.identity.locks import lock_joining, lock_organization
from holo.identity.models import Invitation, Membership, User
from holo.identity.operations import lock_manager, require_held
from holo.identity.roles import Role
from holo.identity.selectors import find_invited, members_of_address
from holo.outbox.operations import enqueue

LIFETIME = timedelta(days=7)
# Of one organisation within a day: to all addresses, and to one. What others send does not count: a refusal
# would tell of them, and they could keep an organisation from inviting somebody.
MOST_OF_ORGANIZATION, MOST_TO_ADDRESS = 200, 10
_DAY = timedelta(days=1)
_RETRY_SECONDS = 3600
_LONGEST_NAME = 150


@command
def invite_member(
    *, actor: Actor, email: str, role: Role, request_key: RequestKey | None = None
) -> Invitation:
    """Ask somebody into the actor's organisation by mail; the link works for `LIFETIME`.

    An open invitation to the same address is replaced, so that asking again sends a new link. `email` is a
    valid address of up to 254 characters. Idempotent by `request_key`. Locks the organisation. Raises
    RoleRequiredError, RoleNotHeldError, AlreadyMemberError, ThrottledError (`MOST_OF_ORGANIZATION`,
    `MOST_TO_ADDRESS`).
    """
    require_held(lock_manager(actor), role)
    email = normal_email(email)
    # A member who does not log in with this address yet is invited to do so.
    people = User.objects.called(email)
    if Membership.objects.filter(organization_id=actor.organization_id, user__in=people).exists():
        raise AlreadyMemberError(_("the person is a member already"), field="email")
    now = database_now()
    _require_few(actor, email, now)
    before = Invitation.objects.filter(
        organization_id=actor.organization_id, email__address=email, state=Invitation.State.OPEN
    )
    before.update(state=Invitation.State.REVOKED, ended_at=now)
    invitation = Invitation.objects.create(
        organization_id=actor.organization_id,
        email=email,
        role=role,
        invited_by_id=actor.user_id,
        invited_with=token_of(actor),
        invited_as=actor.label if token_of(actor) else "",
        expires_at=now + LIFETIME,
    )
    record_invitation(actor, "identity.member_invited", invitation)
    enqueue(
        topic=events.MEMBER_INVITED,
        key=f"invitation-{invitation.pk}",
        organization_id=actor.organization_id,
        payload={"invitation_id": str(invitation.pk)},
    )
    return invitation


@command
def revoke_invitation(
    *, actor: Actor, invitation_id: UUID, request_key: RequestKey | None = None
) -> Invitation:
    """End an invitation of the actor's organisation; its link works no longer.

    Idempotent: one that has ended stays as it is. Locks the organisation. Raises RoleRequiredError,
    RoleNotHeldError, NotFoundError.
    """
    own = lock_manager(actor)
    invitation = Invitation.objects.filter(organization_id=actor.organization_id, pk=invitation_id).first()
    if invitation is None:
        raise NotFoundError(_("there is no such invitation"))
    require_held(own, Role(invitation.role))
    if invitation.state == Invitation.State.OPEN:
        end_invitation(invitation, Invitation.State.REVOKED)
        record_invitation(actor, "identity.invitation_revoked", invitation)
    return invitation


@command
def issue_invitation_link(*, invitation_id: UUID) -> tuple[Invitation, str] | None:
    """Make the secret of an open invitation for the mail that is about to be sent; None if it has ended.

    Not idempotent: a mail that is sent again carries a new secret, and the one before works no longer. Locks
    the organisation.
    """
    invitation = Invitation.objects.filter(pk=invitation_id).select_related("organization").first()
    if invitation is None or not _lock_open(invitation):
        return None
    token = make_token()
    invitation.token_hash = hash_token(token)
    invitation.save(update_fields=["token_hash"])
    return invitation, token


@command
def accept_invitation(
    *, token: str, person_id: UserId | None = None, name: str = "", password_hash: str = ""
) -> Membership:
    """Join the organisation as `person_id`, who has shown a password, or as a new person.

    A new person needs `name`, in up to 150 characters, and `password_hash` (of `make_password`); so does
    a member whom the organisation's system made and who has never logged in. The link proves whose address it
    is: from now on the person logs in with it. A member keeps the role that they have. If the organisation's
    system made an account for the address and the person has another account, the membership moves to that
    one. Not idempotent: the link works once. Locks the organisation, then the person. Raises
    InvitationOverError (also for somebody else's address), PersonKnownError (a new person whose address has
    an account), LastOwnerError (the account whose place is taken is the only owner's), InvalidError (of
    `name`).
    """
    invitation = Invitation.objects.filter(token_hash=hash_token(token)).first()
    if invitation is None or not _lock_open(invitation):
        raise InvitationOverError(_("this invitation works no longer"))
    if person_id is None:
        person = _new_person(invitation, name, password_hash)
    else:
        person = _known_person(invitation, person_id)
    member = _member(invitation, person)
    end_invitation(invitation, Invitation.State.ACCEPTED)
    actor = Actor(
        user_id=UserId(person.pk),
        organization_id=OrganizationId(invitation.organization_id),
        label=person.email,
    )
    record_invitation(actor, "identity.invitation_accepted", invitation)
    return member


def _require_few(actor: Actor, email: str, now: datetime) -> None:
    sent = Invitation.objects.filter(organization_id=actor.organization_id, created_at__gt=now - _DAY)
    to_address = sent.filter(email__address=email)
    if sent.count() >= MOST_OF_ORGANIZATION or to_address.count() >= MOST_TO_ADDRESS:
        message = _("too many invitations within a day")
        raise ThrottledError(message, retry_after=_RETRY_SECONDS, limit="invitations")


def _lock_open(invitation: Invitation) -> bool:
    """Lock the organisation, read the invitation's state again, and tell whether its link works.

    It does not where whoever invited could not do so now.
    """
    lock_organization(OrganizationId(invitation.organization_id))
    invitation.refresh_from_db(fields=["state", "token_hash", "expires_at"])
    is_open = invitation.state == Invitation.State.OPEN and database_now() < invitation.expires_at
    return is_open and invitation_stands(invitation)


def _new_person(invitation: Invitation, name: str, password_hash: str) -> User:
    """Return a person who logs in with the address from now on; the database notes that they do."""
    name = clean_text(name, field="name", longest=_LONGEST_NAME, joiners=True) if name else ""
    found = find_invited(invitation)
    person = User(email=invitation.email)
    if found is not None:
        unused = lock_joining(User.objects.filter(pk=found.pk))
        if unused is None or not unused.is_unclaimed:
            raise _person_known()
        person = unused
    person.name, person.password = name, password_hash
    _save(person, taken=_person_known())
    return person


def _save(person: User, *, taken: DomainError, columns: list[str] | None = None) -> None:
    """Write the person; raise `taken` where somebody began to log in with the address at the same moment."""
    try:
        with contained():
            person.save(update_fields=columns)
    except IntegrityError as error:
        if sqlstate(error) != UNIQUE_VIOLATION:
            raise
        raise taken from None


def _person_known() -> PersonKnownError:
    return PersonKnownError(_("somebody with this e-mail address has an account"))


def _known_person(invitation: Invitation, person_id: UserId) -> User:
    """Return who has shown the password, with the address as theirs."""
    found = find_invited(invitation)
    with_login = User.objects.filter(pk=person_id, is_active=True, login__isnull=False)
    person = lock_joining(with_login) if found is not None and found.pk == person_id else None
    over = InvitationOverError(_("this invitation works no longer"))
    if person is None:
        raise over
    if normal_email(str(person.login)) != invitation.email:
        person.login = invitation.email
        _save(person, taken=over, columns=["login"])
    return person


def _member(invitation: Invitation, person: User) -> Membership:
    """Return the membership: their own, or the one of an account of the address that nobody has used."""
    own = Membership.objects.filter(organization_id=invitation.organization_id, user=person)
    unused = members_of_address(invitation).filter(login=None, is_active=True).exclude(pk=person.pk).first()
    role, reference = invitation.role, ""
    if unused is not None and not own.exists():
        before = Membership.objects.get(organization_id=invitation.organization_id, user=unused)
        role, reference = before.role, before.reference
        if _is_only_owner(before):
            message = _("the organisation would be left without an owner; make somebody else one first")
            raise LastOwnerError(message)
        before.delete()
        retire_unused_person(unused)
    return Membership.objects.get_or_create(
        organization_id=invitation.organization_id,
        user=person,
        defaults={"role": role, "reference": reference},
    )[0]


def _is_only_owner(member: Membership) -> bool:
    """Tell whether the database would refuse that the membership ends, even with another one in its place."""
    owners = Membership.objects.filter(organization_id=member.organization_id, role=Role.OWNER)
    return member.role == Role.OWNER and not owners.exclude(pk=member.pk).exists()
