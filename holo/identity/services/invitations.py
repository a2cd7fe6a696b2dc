"""Commands about who is asked into an organisation."""

from datetime import datetime, timedelta
from uuid import UUID

from django.utils.translation import gettext as _

from holo.common.actor import Actor, OrganizationId, UserId
from holo.common.characters import normal_email
from holo.common.clock import database_now
from holo.common.errors import NotFoundError, ThrottledError
from holo.common.fence import fence_of_request
from holo.common.texts import clean_text
from holo.idempotency.commands import RequestKey, command
from holo.identity import events
from holo.identity.errors import AlreadyMemberError, InvitationOverError, PersonKnownError
from holo.identity.invitation_tokens import hash_token, make_token
from holo.identity.issuers import end_invitation, invitation_stands, record_invitation, token_of
from holo.identity.locks import lock_joining, lock_organization
from holo.identity.models import Invitation, Membership, User
from holo.identity.operations import lock_manager, require_held
from holo.identity.roles import Role
from holo.outbox.operations import enqueue

LIFETIME = timedelta(days=7)
# Within a day: of one organisation, and to one address from all of them together.
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
    `MOST_TO_ADDRESS`; which of the two is not told).
    """
    require_held(lock_manager(actor), role)
    email = normal_email(email)
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
    whoever has an account that an organisation's system made and nobody has used yet: the link shows whose
    address it is. Whoever is a member already stays what they are. Not idempotent: the link works once. Locks
    the organisation, then the person. Raises InvitationOverError (also for somebody else's address),
    PersonKnownError (a new person whose address has an account), InvalidError (of `name`).
    """
    invitation = Invitation.objects.filter(token_hash=hash_token(token)).first()
    if invitation is None or not _lock_open(invitation):
        raise InvitationOverError(_("this invitation works no longer"))
    if person_id is None:
        person = _new_person(invitation.email, name, password_hash)
    else:
        invited = User.objects.called(invitation.email).filter(pk=person_id, is_active=True)
        found = lock_joining(invited)
        if found is None:
            raise InvitationOverError(_("this invitation works no longer"))
        person = found
    member, _joined = Membership.objects.get_or_create(
        organization_id=invitation.organization_id, user=person, defaults={"role": invitation.role}
    )
    end_invitation(invitation, Invitation.State.ACCEPTED)
    actor = Actor(
        user_id=UserId(person.pk),
        organization_id=OrganizationId(invitation.organization_id),
        label=person.email,
    )
    record_invitation(actor, "identity.invitation_accepted", invitation)
    return member


def _require_few(actor: Actor, email: str, now: datetime) -> None:
    sent = Invitation.objects.filter(created_at__gt=now - _DAY)
    of_organization = sent.filter(organization_id=actor.organization_id).count()
    with fence_of_request():
        to_address = sent.filter(email__address=email).count()
    if of_organization >= MOST_OF_ORGANIZATION or to_address >= MOST_TO_ADDRESS:
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


def _new_person(email: str, name: str, password_hash: str) -> User:
    name = clean_text(name, field="name", longest=_LONGEST_NAME, joiners=True) if name else ""
    person, created = User.objects.called(email).get_or_create(
        defaults={"email": email, "name": name, "password": password_hash}
    )
    if created:
        return person
    unclaimed = lock_joining(User.objects.filter(pk=person.pk))
    if unclaimed is None or not unclaimed.is_unclaimed:
        raise PersonKnownError(_("somebody with this e-mail address has an account"))
    unclaimed.name, unclaimed.password = name, password_hash
    unclaimed.save(update_fields=["name", "password"])
    return unclaimed
