"""`manage.py api_key`."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from holo.apiauth.keys import parse_key
from holo.apiauth.models import ApiKey
from holo.identity.models import Membership, Organization, User
from tests.api.people import Api, build_person
from tests.builders import build_organization

pytestmark = pytest.mark.django_db


def run(*words: str) -> str:
    """Run the command; return what it prints."""
    out = StringIO()
    call_command("api_key", *words, stdout=out)
    return out.getvalue()


@pytest.fixture
def person(organization: Organization) -> User:
    """An operator."""
    return build_person(organization=organization, groups=["operator"])


def test_create_prints_a_working_key_and_nothing_else(person: User) -> None:
    printed = run("create", "--user", person.email.upper(), "--scopes", "orders:read", "orders:write")
    assert parse_key(printed.rstrip("\n")) is not None
    assert printed.count("\n") == 1
    assert Api(printed.strip()).get("/api/v1/orders").status_code == 200


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--scopes", "orders:everything"], "orders:read"),
        (["--scopes", "orders:audit"], "orders:audit"),
        (["--scopes", "orders:read", "--days", "0"], "366"),
        (["--scopes", "orders:read", "--days", "367"], "366"),
        (["--scopes", "orders:read", "--days", "99999999999"], "366"),
        (["--scopes", "orders:read", "--organization", "nope"], "organisation"),
    ],
)
def test_bad_wish_is_one_line_and_exit_2(person: User, words: list[str], part: str) -> None:
    with pytest.raises(CommandError) as failure:
        run("create", "--user", person.email, *words)
    assert failure.value.returncode == 2
    assert part in str(failure.value)
    assert "\n" not in str(failure.value)
    assert not ApiKey.objects.exists()


def test_unknown_user_is_exit_2() -> None:
    with pytest.raises(CommandError) as failure:
        run("create", "--user", "nobody@example.com", "--scopes", "orders:read")
    assert failure.value.returncode == 2


def test_several_organisations_must_be_told_apart(person: User) -> None:
    other = build_organization()
    Membership.objects.create(user=person, organization=other)
    with pytest.raises(CommandError, match=other.slug):
        run("create", "--user", person.email, "--scopes", "orders:read")
    run("create", "--user", person.email, "--scopes", "orders:read", "--organization", other.slug)
    assert ApiKey.objects.get().organization == other


def test_list_and_revoke(person: User) -> None:
    key = run("create", "--user", person.email, "--scopes", "orders:read", "--name", "till").strip()
    [row] = json.loads(run("list", "--json"))
    assert (row["prefix"], row["name"], row["state"]) == (key[9:17], "till", "active")
    assert key not in run("list")
    assert person.email in run("list")
    run("revoke", row["prefix"])
    run("revoke", f"holo_org_{row['prefix']}")
    assert Api(key).get("/api/v1/orders").status_code == 401
    assert json.loads(run("list", "--json"))[0]["state"] == "revoked"


def test_revoking_an_unknown_prefix_is_exit_2() -> None:
    with pytest.raises(CommandError) as failure:
        run("revoke", "nothing1")
    assert failure.value.returncode == 2


def test_createsuperuser_makes_an_administrator(monkeypatch: Any) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "a-long-first-password")
    call_command("createsuperuser", interactive=False, email="First@Example.com", verbosity=0)
    made = User.objects.get()
    assert (made.is_superuser, made.is_staff, made.is_active) == (True, True, True)
    assert made.check_password("a-long-first-password")
