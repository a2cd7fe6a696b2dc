"""An organisation with somebody of each role."""

from dataclasses import dataclass

from holo.common.actor import Actor, OrganizationId, UserId
from holo.identity.models import Membership, Organization, User
from holo.identity.roles import Role
from tests.api.people import build_person
from tests.builders import build_organization


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """An organisation and its people."""

    organization: Organization
    people: dict[Role, User]

    def actor(self, role: Role) -> Actor:
        """Return the person of a role as an actor."""
        return actor_of(self.people[role], self.organization)


def actor_of(person: User, organization: Organization) -> Actor:
    """Return a person as an actor in an organisation."""
    return Actor(
        user_id=UserId(person.pk), organization_id=OrganizationId(organization.pk), label=person.email
    )


def add_member(organization: Organization, role: Role) -> User:
    """Make a person who is this in an organisation."""
    person = build_person(organization=None)
    Membership.objects.create(organization=organization, user=person, role=role)
    return person


def build_team() -> Team:
    """Make an organisation with one owner, admin, member and auditor."""
    organization = build_organization()
    return Team(organization=organization, people={role: add_member(organization, role) for role in Role})
