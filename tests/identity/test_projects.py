"""Projects and environments: short names are unique where they must be, and only managers add them."""

import pytest

from holo.audit.models import AuditEvent
from holo.common.errors import InvalidError, NotFoundError
from holo.identity.errors import (
    EnvironmentSlugTakenError,
    ProjectSlugTakenError,
    RoleRequiredError,
)
from holo.identity.models import Environment, Project
from holo.identity.roles import Role
from holo.identity.selectors import get_project
from holo.identity.services import create_environment, create_project, rename_project
from tests.identity.people import Team, build_team

PREVIEW = Environment.Kind.PREVIEW


@pytest.fixture
def team(fresh_database: str) -> Team:
    return build_team()


def test_a_project_begins_with_its_standing_environments(team: Team) -> None:
    actor = team.actor(Role.ADMIN)
    project = create_project(actor=actor, slug="web-shop", name="Web shop")
    kinds = set(project.environments.values_list("slug", "kind"))
    assert kinds == {(kind, kind) for kind in ("production", "staging", "development")}
    create_environment(actor=actor, project_slug="web-shop", slug="pr-17", kind=PREVIEW)
    assert project.environments.count() == 4
    assert set(AuditEvent.objects.values_list("action", flat=True)) == {
        "identity.project_created",
        "identity.environment_created",
    }


def test_short_names_are_unique_in_organisation_and_project(team: Team) -> None:
    actor, other = team.actor(Role.OWNER), build_team().actor(Role.OWNER)
    create_project(actor=actor, slug="shop", name="Shop")
    create_project(actor=other, slug="shop", name="Shop")
    create_project(actor=actor, slug="depot", name="Depot")
    with pytest.raises(ProjectSlugTakenError):
        create_project(actor=actor, slug="shop", name="Again")
    create_environment(actor=actor, project_slug="shop", slug="pr-1", kind=PREVIEW)
    create_environment(actor=actor, project_slug="depot", slug="pr-1", kind=PREVIEW)
    with pytest.raises(EnvironmentSlugTakenError):
        create_environment(actor=actor, project_slug="shop", slug="pr-1", kind=Environment.Kind.STAGING)
    assert Project.objects.count() == 3
    assert Environment.objects.filter(slug="pr-1", kind=PREVIEW).count() == 2


@pytest.mark.parametrize("slug", ["", "Shop", "a--b", "-a", "a-", "a_b", "a b", "a\n", "ä", "a" * 51])
def test_a_short_name_of_another_form_is_refused(team: Team, slug: str) -> None:
    actor = team.actor(Role.OWNER)
    with pytest.raises(InvalidError) as refusal:
        create_project(actor=actor, slug=slug, name="Shop")
    assert [problem.pointer for problem in refusal.value.errors] == ["/slug"]
    assert Project.objects.count() == 0


def test_a_project_is_renamed(team: Team) -> None:
    actor = team.actor(Role.ADMIN)
    create_project(actor=actor, slug="shop", name="Shop")
    assert rename_project(actor=actor, slug="shop", name="Web shop").name == "Web shop"
    assert rename_project(actor=actor, slug="shop", name="Web shop").name == "Web shop"
    with pytest.raises(InvalidError):
        rename_project(actor=actor, slug="shop", name=" ")
    assert get_project(actor.organization_id, "shop").name == "Web shop"
    assert AuditEvent.objects.filter(action="identity.project_renamed").count() == 1


@pytest.mark.parametrize("role", [Role.MEMBER, Role.AUDITOR])
def test_who_does_not_manage_adds_and_renames_nothing(team: Team, role: Role) -> None:
    create_project(actor=team.actor(Role.OWNER), slug="shop", name="Shop")
    actor = team.actor(role)
    with pytest.raises(RoleRequiredError):
        create_project(actor=actor, slug="own", name="Own")
    with pytest.raises(RoleRequiredError):
        rename_project(actor=actor, slug="shop", name="Mine")
    with pytest.raises(RoleRequiredError):
        create_environment(actor=actor, project_slug="shop", slug="mine", kind=PREVIEW)
    assert list(Project.objects.values_list("name", flat=True)) == ["Shop"]
    assert Environment.objects.count() == 3


def test_a_project_of_another_organisation_is_not_found(team: Team) -> None:
    create_project(actor=build_team().actor(Role.OWNER), slug="theirs", name="Theirs")
    actor = team.actor(Role.OWNER)
    with pytest.raises(NotFoundError):
        rename_project(actor=actor, slug="theirs", name="Mine")
    with pytest.raises(NotFoundError):
        create_environment(actor=actor, project_slug="theirs", slug="mine", kind=PREVIEW)
    assert Project.objects.get().name == "Theirs"
