"""Where a secret is: the installation, an organisation, a project or an environment."""

from dataclasses import dataclass
from uuid import UUID

from holo.identity.models import Environment, Organization, Project


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A place by its ids, as the columns of `Secret` have them; all None is the installation."""

    organization_id: UUID | None = None
    project_id: UUID | None = None
    environment_id: UUID | None = None

    def columns(self) -> dict[str, UUID | None]:
        """Return the columns of a row in this place."""
        return {
            "organization_id": self.organization_id,
            "project_id": self.project_id,
            "environment_id": self.environment_id,
        }


INSTALLATION = Place()


def place_of(owner: Organization | Project | Environment) -> Place:
    """Return the place that an organisation, project or environment is."""
    if isinstance(owner, Organization):
        return Place(organization_id=owner.pk)
    if isinstance(owner, Project):
        return Place(organization_id=owner.organization_id, project_id=owner.pk)
    return Place(organization_id=owner.organization_id, project_id=owner.project_id, environment_id=owner.pk)
