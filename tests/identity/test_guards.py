"""The database's own guards of organisations, attacked by raw SQL as the app role and as the owner."""

from typing import Any

import psycopg
import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import IntegrityError, ProgrammingError, connection
from psycopg import errors

from holo.identity.models import Environment, Membership, Project, User
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


@pytest.mark.parametrize(
    ("fields", "login"),
    [
        ({"password": "!unusable"}, None),
        ({"password": ""}, None),
        ({"password": "pbkdf2_sha256$1$a$b"}, "ann@example.com"),
        ({"password": "!unusable", "is_staff": True}, "ann@example.com"),
        ({"password": "!unusable", "is_superuser": True}, "ann@example.com"),
    ],
)
def test_who_gets_a_password_or_rights_logs_in_with_their_address(
    fresh_database: str, fields: dict[str, Any], login: str | None
) -> None:
    """As processes of the version before write it, which know nothing of `login`."""
    person = User.objects.create(email="ann@example.com", **fields)
    person.refresh_from_db()
    assert person.login == login


def test_the_address_to_log_in_with_outlives_a_row_that_was_read_before(fresh_database: str) -> None:
    stale = User.objects.create(email="ann@example.com", password="pbkdf2_sha256$1$a$b")
    stale.email = "told.by.a.system@example.com"
    stale.save()
    stale.refresh_from_db()
    assert (stale.email, stale.login) == ("told.by.a.system@example.com", "ann@example.com")


def test_nobody_else_logs_in_with_an_address(fresh_database: str) -> None:
    User.objects.create_user("ann@example.com", None)
    User.objects.create(email="ann@example.com", password="!")
    with pytest.raises(IntegrityError, match="identity_user_login_once"):
        User.objects.filter(login=None).update(password="pbkdf2_sha256$1$a$b")
    with pytest.raises(ValidationError):
        User.objects.create_superuser("ANN@example.com", None)


def test_erasure_by_a_process_of_the_version_before_takes_the_login_too(fresh_database: str) -> None:
    person = User.objects.create_user("ann@example.com", "a-long-test-password")
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE identity_user SET email = 'deleted-1@deleted.invalid', name = '', is_active = false,"
            " password = '!x' WHERE id = %s",
            [person.pk],
        )
    person.refresh_from_db()
    assert person.login is None


def test_way_back_keeps_addresses_and_the_way_forward_those_that_administrators_entered(
    fresh_database: str,
) -> None:
    team = build_team()
    service = User.objects.create_user("service@example.com", None)
    made = User.objects.create(email="made@example.com", password="!")
    Membership.objects.create(organization=team.organization, user=made, reference="user-1")
    call_command("migrate", "identity", "0014", verbosity=0)
    call_command("migrate", verbosity=0)
    service.refresh_from_db()
    made.refresh_from_db()
    assert (service.login, made.login) == ("service@example.com", None)


def test_way_back_says_that_addresses_are_of_several_accounts(fresh_database: str) -> None:
    User.objects.create_user("ann@example.com", None)
    User.objects.create(email="Ann@example.com", password="!")
    with pytest.raises(ProgrammingError, match="addresses of several accounts: 1"):
        call_command("migrate", "identity", "0014", verbosity=0)
    assert User.objects.called("ann@example.com").count() == 1
