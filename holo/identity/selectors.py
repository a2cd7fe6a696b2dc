"""Reads of people and organisations."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX, check_password
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from holo.common.actor import OrganizationId
from holo.common.errors import NotFoundError
from holo.common.fence import fence_of_request
from holo.identity.demo import DEMO_EMAILS, DEMO_PASSWORD
from holo.identity.invitation_tokens import hash_token
from holo.identity.models import (
    Environment,
    Invitation,
    Membership,
    Organization,
    Project,
    User,
    UserChange,
)
from holo.identity.roles import MANAGERS

AUDITOR_GROUP = "auditor"


def is_auditor(user_id: UUID) -> bool:
    """Tell whether an active person is in the group that may decide."""
    return User.objects.filter(pk=user_id, is_active=True, groups__name=AUDITOR_GROUP).exists()


def auditor_ids(organization_id: UUID, *, except_users: Iterable[UUID] = ()) -> list[UUID]:
    """Return an organisation's active auditors, by e-mail address."""
    return list(
        User.objects.filter(
            is_active=True, groups__name=AUDITOR_GROUP, memberships__organization_id=organization_id
        )
        .exclude(pk__in=list(except_users))
        .order_by("email")
        .values_list("pk", flat=True)
    )


def manager_ids(organization_id: UUID) -> list[UUID]:
    """Return the active people who manage an organisation, by e-mail address."""
    return list(
        User.objects.filter(
            is_active=True, memberships__organization_id=organization_id, memberships__role__in=MANAGERS
        )
        .order_by("email")
        .values_list("pk", flat=True)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Where a person reads mail, and in which language."""

    address: str
    language: str


def find_reader(user_id: UUID | None) -> Reader | None:
    """Return how to write to an active person; None if there is no such person."""
    person = User.objects.filter(pk=user_id, is_active=True).first() if user_id else None
    return Reader(address=person.email, language=language_of(person)) if person else None


def language_of(person: User | None) -> str:
    """Return the language of mail to a person, or to somebody who is no person here."""
    known = person is not None and person.language in dict(settings.LANGUAGES)
    return person.language if person is not None and known else settings.LANGUAGE_CODE


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


def managed_organization_ids(user: User) -> list[UUID]:
    """Return the ids of the organisations that a person is owner or admin of."""
    managing = Membership.objects.filter(user=user, role__in=[role.value for role in MANAGERS])
    return list(managing.values_list("organization_id", flat=True))


def list_members(organization_id: OrganizationId) -> QuerySet[Membership]:
    """Return who belongs to an organisation, each with the person."""
    return Membership.objects.filter(organization_id=organization_id).select_related("user")


def get_member(organization_id: OrganizationId, user_id: UUID) -> Membership:
    """Return one member. Raises NotFoundError."""
    member = list_members(organization_id).filter(user_id=user_id).first()
    if member is None:
        raise NotFoundError(_("there is no such member"))
    return member


def is_last_owner(membership_id: int) -> bool:
    """Tell whether a membership, as stored, is the last one of an owner who can log in."""
    owner = Membership.objects.filter(pk=membership_id, role=Membership.Role.OWNER).first()
    if owner is None:
        return False
    return (
        not Membership.objects.filter(
            organization_id=owner.organization_id,
            role=Membership.Role.OWNER,
            user__is_active=True,
            user__login__isnull=False,
        )
        .exclude(pk=membership_id)
        .exists()
    )


def is_last_superuser(user_id: UUID) -> bool:
    """Tell whether a person, as stored, is the only superuser who can log in to the admin."""
    able = User.objects.filter(is_superuser=True, is_staff=True, is_active=True)
    others = able.exclude(pk=user_id)
    person = able.filter(pk=user_id).first()
    if person is not None and person.has_usable_password():
        others = others.exclude(password__startswith=UNUSABLE_PASSWORD_PREFIX)
    return person is not None and not others.exists()


def belongs_beyond(user_id: UUID, organization_ids: Iterable[UUID]) -> bool:
    """Tell whether a person is a member of other organisations than these, the caller's fence aside."""
    with fence_of_request():
        others = Membership.objects.filter(user_id=user_id).exclude(
            organization_id__in=list(organization_ids)
        )
        return others.exists()


def list_invitations(organization_id: OrganizationId) -> QuerySet[Invitation]:
    """Return an organisation's invitations, those that have ended too."""
    return Invitation.objects.filter(organization_id=organization_id)


def find_invitation(token: str) -> Invitation | None:
    """Return the invitation that a link leads to, with its organisation, while the link works."""
    return (
        Invitation.objects.filter(
            token_hash=hash_token(token), state=Invitation.State.OPEN, expires_at__gt=Now()
        )
        .select_related("organization")
        .first()
    )


def find_person(email: str) -> User | None:
    """Return who logs in with this address, in whatever case, active or not."""
    return User.objects.called(email).first()


def find_invited(invitation: Invitation) -> User | None:
    """Return whose account an invitation is about: who logs in with the address, or a member who has it."""
    return find_person(invitation.email) or members_of_address(invitation).first()


def members_of_address(invitation: Invitation) -> QuerySet[User]:
    """Return the organisation's members of the address who do not log in with it, oldest first."""
    of_organization = Membership.objects.filter(organization_id=invitation.organization_id)
    return (
        User.objects.filter(email__address=invitation.email, pk__in=of_organization.values("user_id"))
        .exclude(login__address=invitation.email)
        .order_by("pk")
    )


def find_member(organization_id: OrganizationId, reference: str) -> Membership | None:
    """Return the member whom the organisation's own systems call `reference`, with the person."""
    return list_members(organization_id).filter(reference=reference).first()


def list_user_changes(organization_id: OrganizationId) -> QuerySet[UserChange]:
    """Return what an organisation's systems have wanted of its users."""
    return UserChange.objects.filter(organization_id=organization_id)


def get_user_change(organization_id: OrganizationId, change_id: UUID) -> UserChange:
    """Return one such change. Raises NotFoundError."""
    change = list_user_changes(organization_id).filter(pk=change_id).first()
    if change is None:
        raise NotFoundError(_("there is no such change"))
    return change


def is_user_change_over(change_id: UUID) -> bool:
    """Tell whether a change has ended, or does not exist."""
    return not UserChange.objects.filter(pk=change_id, state=UserChange.State.RUNNING).exists()


def list_running_user_changes() -> Iterator[UserChange]:
    """Yield the changes of all organisations that have not ended, oldest first."""
    yield from UserChange.objects.filter(state=UserChange.State.RUNNING).order_by("id").iterator()


def list_projects(organization_id: OrganizationId) -> QuerySet[Project]:
    """Return an organisation's projects, each with its environments."""
    return Project.objects.filter(organization_id=organization_id).prefetch_related("environments")


def get_project(organization_id: OrganizationId, slug: str) -> Project:
    """Return one project with its environments. Raises NotFoundError."""
    project = list_projects(organization_id).filter(slug=slug).first()
    if project is None:
        raise NotFoundError(_("there is no such project"))
    return project


def list_environments(organization_id: OrganizationId, project_slug: str) -> QuerySet[Environment]:
    """Return the environments of one project. Raises NotFoundError."""
    project = get_project(organization_id, project_slug)
    return Environment.objects.filter(organization_id=organization_id, project=project)


def demo_passwords_work() -> bool:
    """Tell whether somebody of the demonstration can still log in with the password that everybody knows."""
    known = User.objects.filter(login__in=DEMO_EMAILS, is_active=True).values_list("password", flat=True)
    return any(check_password(DEMO_PASSWORD, stored) for stored in known)
