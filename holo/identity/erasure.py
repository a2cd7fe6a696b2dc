"""Erases a person: what stays is an id that tells nothing.

An organisation may enter any address for a person. If the person never proved that it is theirs, and other
organisations use the address too, it is taken out of rows of the organisation that erases, and no others.
"""

from dataclasses import replace
from uuid import UUID

from django.db import IntegrityError, connection
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from holo.audit.operations import record_audit
from holo.audit.selectors import subjects_of
from holo.common.actor import OrganizationId, system_actor
from holo.common.characters import normal_email
from holo.common.db import FOREIGN_KEY_VIOLATION, contained, require_transaction, sqlstate
from holo.common.erasure import Erased, erase_everywhere, erases
from holo.common.fence import fence_around, fence_of_request
from holo.identity.models import AddressChange, Invitation, Membership, User, UserChange


def erase_person(person: User, organization_id: UUID) -> None:
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
    erase_addresses(erased, organization_id)


def erase_addresses(erased: Erased, organization_id: UUID) -> None:
    """Take addresses out of all rows; those that others have too, out of rows of this organisation alone."""
    others = frozenset(
        address for address in erased.addresses if _is_of_others(address, erased, organization_id)
    )
    erase_everywhere(replace(erased, addresses=erased.addresses - others))
    if others:
        with fence_around([organization_id]):
            erase_everywhere(replace(erased, addresses=others, shared=True))


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
    """Take an account away that nobody has used, because the same person has another one.

    It stays if the person is still a member of another organisation by it.
    """
    require_transaction()
    if Membership.objects.filter(user=person).exists():
        return
    replacement = erased_of(person).replacement
    if not delete_unused_person(person):
        person.email, person.name, person.is_active = replacement, "", False
        person.save(update_fields=["email", "name", "is_active"])


def erased_of(person: User) -> Erased:
    """Return the person with all addresses that they are known to have had."""
    had = {person.email}
    had.update(UserChange.objects.filter(user=person).exclude(email="").values_list("email", flat=True))
    had.update(AddressChange.objects.filter(user=person).exclude(before="").values_list("before", flat=True))
    shown = {person.login} if person.login else set()
    shown.update(_accepted_by(person).values_list("email", flat=True))
    return Erased(
        user_id=person.pk,
        addresses=frozenset(had | shown),
        shown=frozenset(map(normal_email, shown)),
        replacement=f"deleted-{person.pk.hex}@deleted.invalid",
    )


def _accepted_by(person: User) -> QuerySet[Invitation]:
    accepted = subjects_of(
        actor_id=person.pk, action="identity.invitation_accepted", subject_type="identity.invitation"
    )
    return Invitation.objects.filter(pk__in=accepted)


def _is_of_others(address: str, erased: Erased, organization_id: UUID) -> bool:
    """Tell whether others use an address that the person never proved to be theirs."""
    if normal_email(address) in erased.shown:
        return False
    has_it = Q(email__address=address) | Q(login__address=address)
    people = User.objects.filter(has_it).exclude(pk=erased.user_id)
    asked = (
        Invitation.objects.filter(email__address=address),
        UserChange.objects.filter(email__address=address),
    )
    with fence_of_request():
        return people.exists() or any(
            rows.exclude(organization_id=organization_id).exists() for rows in asked
        )


@erases
def erase_from_changes(erased: Erased) -> None:
    """Empty what changes say of the person, in whatever organisation.

    A delete keeps its address until the person has been told, and a change that runs its own until it ends.
    """
    about = of_address = Q(user_id=erased.user_id)
    for address in erased.addresses:
        about |= Q(email__address=address)
        of_address |= Q(before__address=address) | Q(after__address=address)
    changes = AddressChange.objects.filter(Q(user_id=erased.user_id) if erased.shared else of_address)
    changes.update(before="", after="")
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
