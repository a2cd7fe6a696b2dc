"""Reads of people and organisations."""

from collections.abc import Iterable
from uuid import UUID

from django.contrib.auth.hashers import check_password

from holo.identity.demo import DEMO_EMAILS, DEMO_PASSWORD
from holo.identity.models import Membership, Organization, User

AUDITOR_GROUP = "auditor"


def is_auditor(user_id: UUID) -> bool:
    """Tell whether an active person is in the group that may decide."""
    return User.objects.filter(pk=user_id, is_active=True, groups__name=AUDITOR_GROUP).exists()


def auditor_addresses(organization_id: UUID, *, except_users: Iterable[UUID] = ()) -> list[str]:
    """Return the addresses of an organisation's active auditors."""
    return list(
        User.objects.filter(
            is_active=True, groups__name=AUDITOR_GROUP, memberships__organization_id=organization_id
        )
        .exclude(pk__in=list(except_users))
        .order_by("email")
        .values_list("email", flat=True)
    )


def organizations_of(user: User) -> list[Organization]:
    """Return the organisations a person belongs to; all of them for a superuser."""
    if user.is_superuser:
        return list(Organization.objects.all())
    return list(Organization.objects.filter(memberships__user=user))


def organization_ids_of(user: User) -> list[UUID]:
    """Return the ids of `organizations_of`."""
    if user.is_superuser:
        return list(Organization.objects.values_list("pk", flat=True))
    return list(Membership.objects.filter(user=user).values_list("organization_id", flat=True))


def demo_passwords_work() -> bool:
    """Tell whether somebody of the demonstration can still log in with the password that everybody knows."""
    known = User.objects.filter(email__in=DEMO_EMAILS, is_active=True).values_list("password", flat=True)
    return any(check_password(DEMO_PASSWORD, stored) for stored in known)
