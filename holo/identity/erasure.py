"""Erases a person: what stays is an id that tells nothing."""

from django.db import IntegrityError, connection
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from holo.audit.operations import record_audit
from holo.audit.selectors import subjects_of
from holo.common.actor import OrganizationId, system_actor
from holo.common.db import FOREIGN_KEY_VIOLATION, contained, require_transaction, sqlstate
from holo.common.erasure import Erased, erase_everywhere, erases
from holo.identity.models import AddressChange, Invitation, User, UserChange


def erase_person(person: User) -> None:
    """Take name, address and rights from a person, and the addresses they have had from the rows of all apps.

    Sessions and keys of who is not active work no more. Rows that only grow name people by id, which leads
    nowhere from now on. The change that asks for it keeps the address until the person has been told.
    """
    require_transaction()
    erased = erased_of(person)
    person.email, person.login, person.name, person.is_active = erased.replacement, None, "", False
    person.set_unusable_password()
    person.save(update_fields=["email", "login", "name", "is_active", "password"])
    person.groups.clear()
    erase_everywhere(erased)


def delete_unused_person(person: User) -> bool:
    """Delete somebody of whom no row tells; False, with nothing changed, where one does.

    Which rows do is left to the foreign keys: Django would delete its own log of the person with them.
    """
    require_transaction()
    try:
        with contained(), connection.cursor() as cursor:
            AddressChange.objects.filter(user=person).delete()
            cursor.execute("DELETE FROM identity_user WHERE id = %s", [person.pk])
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
    except IntegrityError as error:
        if sqlstate(error) != FOREIGN_KEY_VIOLATION:
            raise
        return False
    return True


def retire_unused_person(person: User) -> None:
    """Take an account away that nobody has used, because the same person has another one."""
    require_transaction()
    replacement = erased_of(person).replacement
    if not delete_unused_person(person):
        person.email, person.name, person.is_active = replacement, "", False
        person.save(update_fields=["email", "name", "is_active"])


def erased_of(person: User) -> Erased:
    """Return the person with all addresses that they are known to have had."""
    had = {person.email, person.login or person.email}
    had.update(UserChange.objects.filter(user=person).exclude(email="").values_list("email", flat=True))
    had.update(AddressChange.objects.filter(user=person).exclude(before="").values_list("before", flat=True))
    had.update(_accepted_by(person).values_list("email", flat=True))
    return Erased(
        user_id=person.pk,
        addresses=frozenset(had),
        replacement=f"deleted-{person.pk.hex}@deleted.invalid",
    )


def _accepted_by(person: User) -> QuerySet[Invitation]:
    accepted = subjects_of(
        actor_id=person.pk, action="identity.invitation_accepted", subject_type="identity.invitation"
    )
    return Invitation.objects.filter(pk__in=accepted)


@erases
def erase_from_changes(erased: Erased) -> None:
    """Empty what changes say of the person, in whatever organisation.

    A delete keeps its address until the person has been told, and a change that runs its own until it ends.
    """
    about = of_address = Q(user_id=erased.user_id)
    for address in erased.addresses:
        about |= Q(email__address=address)
        of_address |= Q(before__address=address) | Q(after__address=address)
    AddressChange.objects.filter(of_address).update(before="", after="")
    UserChange.objects.filter(about).exclude(state=UserChange.State.RUNNING).update(email="", name="")


@erases
def erase_from_invitations(erased: Erased) -> None:
    """Put the replacement into invitations of the person; one that is open ends, with its audit row."""
    for address in erased.addresses:
        invitations = Invitation.objects.filter(email__address=address)
        for invitation in invitations.filter(state=Invitation.State.OPEN):
            record_audit(
                actor=system_actor(OrganizationId(invitation.organization_id)),
                action="identity.invitation_revoked",
                subject_type="identity.invitation",
                subject_id=invitation.pk,
                data={"role": invitation.role},
            )
        invitations.filter(state=Invitation.State.OPEN).update(state=Invitation.State.REVOKED, ended_at=Now())
        invitations.update(email=erased.replacement)
