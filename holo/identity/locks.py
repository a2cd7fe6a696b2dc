"""The row locks of this app: organisations, which guard members and projects; then people and changes."""

from uuid import UUID

from django.db import connection
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from holo.common.actor import OrganizationId
from holo.common.db import require_transaction
from holo.common.errors import NotFoundError
from holo.identity.models import Membership, User, UserChange


def lock_organization(organization_id: OrganizationId) -> None:
    """Let commands that change an organisation's members follow one another."""
    require_transaction()
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM identity_organization WHERE id = %s FOR NO KEY UPDATE", [organization_id])


def lock_membership(membership_id: int) -> None:
    """Lock a membership that a form changes: its organisation, then the row itself."""
    require_transaction()
    found = Membership.objects.filter(pk=membership_id).values_list("organization_id", flat=True).first()
    if found is None:
        return
    lock_organization(OrganizationId(found))
    Membership.objects.select_for_update(of=("self",), no_key=True).filter(pk=membership_id).first()


def lock_person(user_id: UUID) -> None:
    """Lock a person that a form changes: the organisations, by id, then the person, then the memberships."""
    require_transaction()
    memberships = Membership.objects.filter(user_id=user_id)
    for organization_id in memberships.order_by("organization_id").values_list("organization_id", flat=True):
        lock_organization(OrganizationId(organization_id))
    User.objects.select_for_update(of=("self",), no_key=True).filter(pk=user_id).first()
    list(memberships.select_for_update(of=("self",), no_key=True).order_by("pk"))


def lock_joining(people: QuerySet[User]) -> User | None:
    """Lock the one person of `people`, after an organisation: they join no other one meanwhile.

    Returns the person as they are, None if they are none of `people` any more. A new membership refers to the
    person, so this lock waits for it and holds it up.
    """
    require_transaction()
    return people.select_for_update(of=("self",)).first()


def lock_group_names() -> None:
    """Let one form at a time compare a group's name with those of the others, until it is saved."""
    require_transaction()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('group names', 4714))")


def lock_user_change(change_id: UUID) -> UserChange:
    """Lock one change of a user and return it as it is now. Raises NotFoundError."""
    require_transaction()
    change = UserChange.objects.select_for_update(of=("self",), no_key=True).filter(pk=change_id).first()
    if change is None:
        raise NotFoundError(_("there is no such change"))
    return change
