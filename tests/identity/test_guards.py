"""The database's own guards of organisations, attacked by raw SQL as the app role and as the owner."""

import psycopg
import pytest
from psycopg import errors

from holo.identity.models import Environment, Membership, Project
from holo.identity.roles import Role
from holo.identity.services import create_project
from holo.stack.postgres import PostgresServer
from tests.identity.people import Team, add_member, build_team

ENVIRONMENT = (
    "INSERT INTO identity_environment (id, organization_id, project_id, slug, kind, created_at)"
    " SELECT gen_random_uuid(), {organization}, p.id, {slug}, {kind}, now()"
    " FROM identity_project p WHERE p.slug = 'shop'"
)
FOREIGN = "(SELECT id FROM identity_organization WHERE id <> p.organization_id LIMIT 1)"
ATTACKS = [
    (ENVIRONMENT.format(organization=FOREIGN, slug="'x'", kind="'preview'"), "same_project"),
    (ENVIRONMENT.format(organization="p.organization_id", slug="'x'", kind="'other'"), "environment_kind"),
    (ENVIRONMENT.format(organization="p.organization_id", slug="'X'", kind="'preview'"), "slug_form"),
    (ENVIRONMENT.format(organization="p.organization_id", slug="'staging'", kind="'preview'"), "slug_once"),
    ("UPDATE identity_project SET slug = 'a--b'", "project_slug_form"),
    (
        f"UPDATE identity_environment p SET organization_id = {FOREIGN} WHERE slug = 'production'",
        "same_project",
    ),
    ("UPDATE identity_membership SET role = 'admin' WHERE role = 'owner'", "keeps_an_owner"),
    ("DELETE FROM identity_membership WHERE role = 'owner'", "keeps_an_owner"),
    ("UPDATE identity_membership SET role = 'king' WHERE role = 'member'", "membership_role"),
]


@pytest.fixture
def team(fresh_database: str) -> Team:
    """Two organisations; the first has a project and two owners."""
    team = build_team()
    build_team()
    add_member(team.organization, Role.OWNER)
    create_project(actor=team.actor(Role.OWNER), slug="shop", name="Shop")
    return team


@pytest.mark.usefixtures("team")
def test_attacks_are_refused_and_change_nothing(fresh_database: str, postgres: PostgresServer) -> None:
    """As the app role and as the owner alike."""
    before = _rows()
    for sql, rule in ATTACKS:
        for url in (postgres.app_url(fresh_database), postgres.owner_url(fresh_database)):
            with (
                psycopg.connect(url) as attacker,
                pytest.raises((errors.IntegrityError, errors.InsufficientPrivilege)) as refusal,
                attacker.transaction(),
            ):
                attacker.execute(sql.encode())
            if isinstance(refusal.value, errors.InsufficientPrivilege):
                assert url == postgres.app_url(fresh_database), sql
                continue
            assert rule in (refusal.value.diag.constraint_name or ""), (sql, refusal.value)
    assert _rows() == before


def _rows() -> list[object]:
    return [row for model in (Membership, Project, Environment) for row in model._default_manager.values()]
