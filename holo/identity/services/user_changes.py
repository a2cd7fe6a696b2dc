"""Commands about what an organisation's own systems want of its users, and the steps that do it.

A step returns whether the process goes on; False means that somebody wants it cancelled. The row is locked in
each, so that a cancel and the step that writes never both win.
"""

from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext as _

from holo.audit.operations import record_audit
from holo.common.actor import Actor
from holo.common.characters import normal_email
from holo.common.clock import database_now
from holo.common.texts import clean_text, invalid_field
from holo.idempotency.commands import RequestKey, command
from holo.identity import events
from holo.identity.addresses import note_address_change
from holo.identity.change_preconditions import require_step
from holo.identity.erasure import delete_unused_person, erase_addresses, erase_person, erased_of
from holo.identity.errors import (
    EmailTakenError,
    LastOwnerError,
    UserChangeOverError,
    UserChangeRunningError,
    UserExistsError,
    UserSharedError,
    UserUnknownError,
)
from holo.identity.issuers import requester_of, require_not_ended, token_of
from holo.identity.locks import lock_joining, lock_user_change
from holo.identity.models import Membership, User, UserChange
from holo.identity.notices import add_user_notice, lock_change, record_notice
from holo.identity.operations import lock_manager, require_held
from holo.identity.roles import Role
from holo.identity.selectors import find_member, get_user_change, is_last_owner

SHORTEST_NAME, LONGEST_NAME, LONGEST_REFERENCE = 2, 100, 64
_SUBJECT = "identity.user_change"
Action, State, Notice = UserChange.Action, UserChange.State, UserChange.Notice


# --- What callers ask for --------------------------------------------------------------------------


@command
def request_user_change(
    *,
    actor: Actor,
    reference: str,
    action: UserChange.Action,
    email: str = "",
    name: str = "",
    request_key: RequestKey | None = None,
) -> UserChange:
    """Ask for a user of the actor's organisation to be created, updated or deleted; a process does it.

    `reference` is what the organisation calls the user, 1 to 64 printable characters; `email` a valid address
    and `name` 2 to 100 characters, both for all but a delete. Idempotent by `request_key`. Locks the
    organisation, the person. Raises RoleRequiredError, RoleNotHeldError, UserExistsError, UserUnknownError,
    EmailTakenError, UserSharedError, UserChangeRunningError, LastOwnerError, InvalidError.
    """
    lock_manager(actor)
    reference = clean_text(reference, field="user_id", longest=LONGEST_REFERENCE)
    change = UserChange(
        organization_id=actor.organization_id,
        reference=reference,
        action=action,
        requested_by_id=actor.user_id,
        requested_with=token_of(actor),
        requested_as=actor.label if token_of(actor) else "",
    )
    if action != Action.DELETE:
        change.email, change.name = normal_email(email), _clean_name(name)
    running = UserChange.objects.filter(
        organization_id=actor.organization_id, reference=reference, state=State.RUNNING
    )
    if running.exists():
        raise UserChangeRunningError(_("another change of this user is under way"))
    _require_possible(actor, change)
    change.save(force_insert=True)
    _record(actor, "identity.user_change_requested", change)
    events.announce_change(events.USER_CHANGE_REQUESTED, change)
    return change


@command
def cancel_user_change(*, actor: Actor, change_id: UUID, request_key: RequestKey | None = None) -> UserChange:
    """Ask a running change of the actor's organisation to end undone.

    Idempotent by nature. Locks the organisation, the change. Raises RoleRequiredError, NotFoundError,
    UserChangeOverError.
    """
    lock_manager(actor)
    get_user_change(actor.organization_id, change_id)
    change = lock_user_change(change_id)
    if change.state != State.RUNNING:
        message = _("the change has ended: %(status)s") % {"status": change.state}
        raise UserChangeOverError(message, status=change.state)
    if change.cancel_requested_at is None:
        change.cancel_requested_at = database_now()
        change.save(update_fields=["cancel_requested_at"])
        _record(actor, "identity.user_change_cancel_requested", change)
        events.announce_change(events.USER_CHANGE_CANCEL_REQUESTED, change)
    return change


# --- Steps of the process --------------------------------------------------------------------------


@command
def validate_user(*, change_id: UUID, run_id: str) -> bool:
    """Note the run, and look once more whether the change is possible.

    Idempotent by nature. Locks the organisation, the change, the person. Raises as `request_user_change`.
    """
    change = lock_change(change_id)
    if change.run_id != run_id:
        change.run_id = run_id
        change.save(update_fields=["run_id"])
    if _is_unwanted(change):
        return False
    if change.user_id is None:
        _require_possible(requester_of(change), change)
    return True


@command
def create_user(*, change_id: UUID) -> bool:
    """Make the person, without a password, a member of the organisation.

    Idempotent: a change that has its person makes no other. Locks the organisation, the change. Raises as
    `request_user_change`.
    """
    change = lock_change(change_id)
    if _is_unwanted(change):
        return False
    if change.user_id is not None and change.action == Action.CREATE:
        return True
    require_step(change, "create_user")
    actor = requester_of(change)
    _require_possible(actor, change)
    person = User(email=change.email, name=change.name)
    person.set_unusable_password()
    person.save(force_insert=True)
    Membership.objects.create(organization_id=change.organization_id, user=person, reference=change.reference)
    change.user = person
    change.save(update_fields=["user"])
    _record(actor, "identity.user_created", change)
    return True


@command
def discard_user(*, change_id: UUID) -> None:
    """Take back what `create_user` did, as if it had not been.

    Idempotent: without a person nothing is done. Locks the organisation, the change, the person.
    """
    change = lock_change(change_id)
    if change.user_id is None or change.state == State.SUCCEEDED:
        return
    require_step(change, "discard_user")
    person_id, change.user = change.user_id, None
    change.save(update_fields=["user"])
    _record(requester_of(change), "identity.user_discarded", change)
    Membership.objects.filter(organization_id=change.organization_id, user_id=person_id).delete()
    person = _lock_person(person_id)
    # A person who has accepted an invitation meanwhile keeps the account.
    if person.login is not None or _belongs_elsewhere(person, change):
        return
    erased = erased_of(person)
    if delete_unused_person(person):
        erase_addresses(erased, change.organization_id)
    else:
        # Somebody has used the person meanwhile, and that history keeps them.
        erase_person(person, change.organization_id)


@command
def complete_user_change(*, change_id: UUID) -> bool:
    """Pass the point of no return of a create: from here it stands.

    Idempotent by nature. Locks the organisation, the change.
    """
    change = lock_change(change_id)
    if _is_unwanted(change):
        return False
    if change.state == State.SUCCEEDED:
        return True
    require_step(change, "complete_user_change")
    _end(change, State.SUCCEEDED)
    return True


@command
def update_user(*, change_id: UUID) -> bool:
    """Give the person the new address and name; with it the change has succeeded.

    It changes where mail goes, and not the address that the person logs in with. Idempotent by nature.
    Locks the organisation, the change, the person. Raises as `request_user_change`.
    """
    change = lock_change(change_id)
    if _is_unwanted(change):
        return False
    if change.state == State.SUCCEEDED:
        return True
    require_step(change, "update_user")
    actor = requester_of(change)
    member = _require_possible(actor, change)
    assert member is not None
    person, before = member.user, member.user.email
    person.email, person.name = change.email, change.name
    person.save(update_fields=["email", "name"])
    # The process itself writes to the new address.
    note_address_change(actor=actor, person=person, before=before, tell=["before"])
    change.user = person
    _end(change, State.SUCCEEDED)
    _record(actor, "identity.user_updated", change)
    return True


@command
def delete_user(*, change_id: UUID) -> bool:
    """End the membership; who belongs nowhere else can log in no more and is called nothing any more.

    What the rows of earlier changes say of the person goes too; this one's address stays until it has been
    notified. The history keeps its ids. Idempotent by nature. Locks the organisation, the change, the person.
    Raises as `request_user_change`.
    """
    change = lock_change(change_id)
    if _is_unwanted(change):
        return False
    if change.state == State.SUCCEEDED:
        return True
    require_step(change, "delete_user")
    actor = requester_of(change)
    member = _require_possible(actor, change)
    assert member is not None
    person, change.user, change.email = member.user, member.user, member.user.email
    Membership.objects.filter(pk=member.pk).delete()
    # Those that failed or were cancelled name nobody but the reference.
    UserChange.objects.filter(
        Q(user=person) | Q(reference=change.reference), organization_id=change.organization_id
    ).exclude(pk=change.pk).update(email="", name="")
    if not _belongs_elsewhere(person, change):
        erase_person(person, change.organization_id)
    _end(change, State.SUCCEEDED)
    _record(actor, "identity.user_deleted", change)
    return True


@command
def close_user_change(*, change_id: UUID, code: str) -> None:
    """End a change that did not come about: as failed with `code`, or cancelled without one.

    What it says of a person goes with it.

    Idempotent by nature. Locks the organisation, the change.
    """
    change = lock_change(change_id)
    if change.state == State.RUNNING:
        require_step(change, "close_user_change")
        change.code, change.email, change.name = code, "", ""
        _end(change, State.FAILED if code else State.CANCELLED)


@command
def send_notification(*, change_id: UUID) -> None:
    """Have the person told by mail that the change succeeded; a later attempt notes whether they could be.

    Idempotent: there is one mail for each change. Locks the organisation, the change.
    """
    change = lock_change(change_id)
    require_step(change, "send_notification")
    add_user_notice(change)


@command
def record_notification(*, change_id: UUID, sent: bool) -> None:
    """Note whether the person could be told; of one who was deleted the address goes now.

    Idempotent by nature. Locks the organisation, the change.
    """
    require_step(lock_change(change_id), "record_notification")
    record_notice(change_id, sent=sent)


# --- What they share -------------------------------------------------------------------------------


def _is_unwanted(change: UserChange) -> bool:
    """Tell whether the process has to stop: cancelled, or ended without success."""
    if change.state == State.RUNNING:
        return change.cancel_requested_at is not None
    return change.state != State.SUCCEEDED


def _require_possible(actor: Actor, change: UserChange) -> Membership | None:
    """Return the member that the change is about, None for a create; raise what is in the way.

    Whoever asked is what they are now: who manages no more has asked for nothing. Locks the organisation,
    then the member's person: whether they belong elsewhere is decided here.
    """
    require_not_ended(actor)
    own = lock_manager(actor)
    member = find_member(actor.organization_id, change.reference)
    if change.action == Action.CREATE:
        if member is not None:
            raise UserExistsError(_("there is a user of this user_id"), field="user_id")
        _require_free(change)
        return None
    if member is None:
        raise UserUnknownError(_("there is no user of this user_id"), field="user_id")
    require_held(own, Role(member.role))
    member.user = _lock_person(member.user_id)
    if change.action == Action.UPDATE:
        _require_own(member, change)
    elif is_last_owner(member.pk):
        raise LastOwnerError(_("the organisation would be left without an owner"))
    return member


def _lock_person(user_id: UUID) -> User:
    person = lock_joining(User.objects.filter(pk=user_id))
    assert person is not None, "a member's person is not deleted"
    return person


def _require_own(member: Membership, change: UserChange) -> None:
    person = member.user
    if _belongs_elsewhere(person, change):
        raise UserSharedError(_("the person belongs to other organisations too, or administers Holo"))
    _require_free(change, but=person)


def _require_free(change: UserChange, but: User | None = None) -> None:
    """Refuse the address of another member. Whether somebody elsewhere has it is told to nobody."""
    members = Membership.objects.filter(organization_id=change.organization_id).values("user_id")
    has_it = Q(email__address=change.email) | Q(login__address=change.email)
    others = User.objects.filter(has_it, pk__in=members)
    if (others.exclude(pk=but.pk) if but is not None else others).exists():
        raise EmailTakenError(_("a member of the organisation has this e-mail address"), field="email")


def _belongs_elsewhere(person: User, change: UserChange) -> bool:
    """Tell whether the person is not the organisation's alone: then nobody but they change their data."""
    others = Membership.objects.filter(user=person).exclude(organization_id=change.organization_id)
    return person.is_staff or person.is_superuser or others.exists()


def _clean_name(name: str) -> str:
    text = clean_text(name, field="name", longest=LONGEST_NAME, joiners=True)
    if len(text) < SHORTEST_NAME:
        message = _("must have %(shortest)d to %(longest)d characters")
        raise invalid_field("name", message % {"shortest": SHORTEST_NAME, "longest": LONGEST_NAME})
    return text


def _end(change: UserChange, state: UserChange.State) -> None:
    if change.state != state:
        change.state, change.ended_at = state, database_now()
        change.save(update_fields=["state", "ended_at", "code", "user", "email", "name"])


def _record(actor: Actor, action: str, change: UserChange) -> None:
    record_audit(
        actor=actor,
        action=action,
        subject_type=_SUBJECT,
        subject_id=change.pk,
        data={"action": change.action, "user": str(change.user_id) if change.user_id else None},
    )
