"""Secrets in the database: versions, places, reads that are audited, deletion that wipes."""

from typing import Any

import pytest
from django.conf import LazySettings
from django.db import IntegrityError
from pydantic import BaseModel

from holo.audit.models import AuditEvent
from holo.identity.models import Environment, Project
from holo.identity.roles import Role
from holo.secretstore.errors import (
    KeyringMissingError,
    SecretDamagedError,
    SecretKeyUnknownError,
    SecretMalformedError,
    SecretNameError,
    SecretNotFoundError,
    SecretValueError,
)
from holo.secretstore.keyring import parse_keyring
from holo.secretstore.models import Secret, SecretVersion
from holo.secretstore.places import INSTALLATION, Place, place_of
from holo.secretstore.selectors import list_secrets, list_versions
from holo.secretstore.services import (
    delete_secret,
    get_secret,
    get_secret_or_raise,
    set_secret,
)
from tests.conftest import OwnerAccess
from tests.identity.people import Team, build_team
from tests.planting import plant_in
from tests.racing import race
from tests.secretstore.conftest import NEW

CANARY = "canary-5f2c9b"
NAME = "payment/stripe"


class Login(BaseModel):
    """What a payment provider wants."""

    user: str
    key: str


VALUE = {"user": "shop", "key": CANARY}


def keep(team: Team, place: Place, value: Any = VALUE, name: str = NAME) -> int:
    return set_secret(actor=team.actor(Role.OWNER), place=place, name=name, value=value)


def read(team: Team, place: Place, version: int | None = None, name: str = NAME) -> Any:
    return get_secret(actor=team.actor(Role.OWNER), place=place, name=name, schema=object, version=version)


def audited() -> list[tuple[str, Any]]:
    rows = AuditEvent.objects.filter(action__startswith="secretstore.").order_by("id")
    return [(row.action.partition(".")[2], row.data["version"]) for row in rows]


def test_a_value_is_read_as_its_reader_expects(team: Team, production: Environment) -> None:
    place = place_of(production)
    assert keep(team, place) == 1
    actor = team.actor(Role.OWNER)
    login = get_secret_or_raise(actor=actor, place=place, name=NAME, schema=Login)
    assert login == Login(user="shop", key=CANARY)
    with pytest.raises(SecretMalformedError) as refusal:
        get_secret(actor=actor, place=place, name=NAME, schema=int)
    assert CANARY not in f"{refusal.value} {refusal.value.details} {refusal.value.__cause__}"
    # What was not given out leaves no trace of having been.
    assert audited() == [("secret_set", 1), ("secret_read", 1)]


def test_each_place_keeps_its_own(team: Team, production: Environment) -> None:
    project = Project.objects.get(organization=team.organization)
    other = build_team()
    owners = (team.organization, project, production, other.organization)
    places = [INSTALLATION, *(place_of(owner) for owner in owners)]
    for number, place in enumerate(places):
        keep(team, place, value=number)
    assert [read(team, place) for place in places] == [0, 1, 2, 3, 4]
    assert [[secret.name for secret in list_secrets(place)] for place in places] == [[NAME]] * 5
    staging = Environment.objects.get(organization=team.organization, slug="staging")
    assert read(team, place_of(staging)) is None
    with pytest.raises(SecretNotFoundError):
        get_secret_or_raise(actor=team.actor(Role.OWNER), place=place_of(staging), name=NAME, schema=object)


def test_versions_count_up_and_each_can_be_read(team: Team, production: Environment) -> None:
    place = place_of(production)
    assert [keep(team, place, value=value) for value in ("one", "two", None)] == [1, 2, 3]
    assert [read(team, place, number) for number in (1, 2, 3, 4, 0)] == ["one", "two", None, None, None]
    assert [version.number for version in list_versions(place, NAME)] == [3, 2, 1]


def test_a_deleted_secret_is_wiped_and_may_begin_anew(team: Team, production: Environment) -> None:
    place = place_of(production)
    keep(team, place, value="one")
    keep(team, place, value="two")
    delete_secret(actor=team.actor(Role.OWNER), place=place, name=NAME)
    assert [read(team, place, number) for number in (None, 1, 2)] == [None] * 3
    assert list(SecretVersion.objects.values_list("ciphertext", "data_key")) == [(None, None)] * 2
    assert list(list_secrets(place)) == []
    with pytest.raises(SecretNotFoundError):
        delete_secret(actor=team.actor(Role.OWNER), place=place, name=NAME)
    assert keep(team, place, value="three") == 3
    assert (read(team, place), read(team, place, 2)) == ("three", None)
    assert audited()[2:] == [("secret_deleted", 2), ("secret_set", 3), ("secret_read", 3)]


def test_names_are_listed_by_prefix(team: Team, production: Environment) -> None:
    place = place_of(production)
    for name in ("payment/stripe", "payment/adyen", "mail/smtp", "payment%"[:7]):
        keep(team, place, name=name)
    found = [secret.name for secret in list_secrets(place, prefix="payment/")]
    assert found == ["payment/adyen", "payment/stripe"]
    assert list(list_secrets(place, prefix="%")) == []


@pytest.mark.parametrize("name", ["", "1a", "a b", "a\n", "ä", "a" * 201, "/a", "a\x00"])
def test_what_is_no_name_is_refused(team: Team, production: Environment, name: str) -> None:
    with pytest.raises(SecretNameError):
        keep(team, place_of(production), name=name)
    assert Secret.objects.count() == 0


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, b"x", object(), "x" * 65536])
def test_what_is_no_value_is_refused_without_showing_it(
    team: Team, production: Environment, value: Any
) -> None:
    with pytest.raises(SecretValueError) as refusal:
        keep(team, place_of(production), value=value)
    assert "xxx" not in str(refusal.value)
    assert (Secret.objects.count(), audited()) == (0, [])


def test_without_a_ring_or_its_key_each_read_says_so(
    team: Team, production: Environment, ring: LazySettings
) -> None:
    place = place_of(production)
    keep(team, place)
    ring.KEYRING = parse_keyring(NEW)
    with pytest.raises(SecretKeyUnknownError, match="k1"):
        read(team, place)
    ring.KEYRING = parse_keyring("")
    for act in (lambda: read(team, place), lambda: keep(team, place, value="x")):
        with pytest.raises(KeyringMissingError, match="SECRETS_KEYRING"):
            act()
    assert (Secret.objects.get().version, audited()) == (1, [("secret_set", 1)])


def test_a_row_that_was_changed_or_moved_does_not_open(
    team: Team, production: Environment, owner: OwnerAccess
) -> None:
    """By whoever can write the tables: a flipped bit, another row's ciphertext, another name or number."""
    place = place_of(production)
    keep(team, place, value="one")
    keep(team, place, value="two", name="other")
    attacks = (
        "ALTER TABLE secretstore_secretversion DISABLE TRIGGER USER; UPDATE secretstore_secretversion"
        " SET ciphertext = set_byte(ciphertext, 20, 255 - get_byte(ciphertext, 20))",
        "UPDATE secretstore_secretversion v SET ciphertext = w.ciphertext, data_key = w.data_key"
        " FROM secretstore_secretversion w WHERE w.id <> v.id",
        "UPDATE secretstore_secret SET name = 'x' || name",
        "UPDATE secretstore_secretversion SET number = number + 1",
        "UPDATE secretstore_secret SET environment_id = NULL",
    )
    before = list(SecretVersion.objects.order_by("id").values_list("number", "data_key", "ciphertext"))
    for attack in attacks:
        owner.execute(attack)
        opened = []
        for row in SecretVersion.objects.select_related("secret"):
            secret = row.secret
            moved = Place(
                organization_id=secret.organization_id,
                project_id=secret.project_id,
                environment_id=secret.environment_id,
            )
            try:
                opened.append(read(team, moved, name=secret.name))
            except SecretDamagedError:
                continue
        assert opened == [], attack
        owner.execute(
            "UPDATE secretstore_secret SET name = ltrim(name, 'x'), environment_id = "
            f"'{production.pk}' WHERE true"
        )
        for row, (number, data_key, ciphertext) in zip(
            SecretVersion.objects.order_by("id"), before, strict=True
        ):
            plant_in(row, number=number, data_key=data_key, ciphertext=ciphertext)
        assert (read(team, place), read(team, place, name="other")) == ("one", "two"), "the control"


def test_the_database_refuses_a_place_of_two_organisations(
    team: Team, production: Environment, owner: OwnerAccess
) -> None:
    keep(team, place_of(production))
    foreign = build_team().organization
    for attack, guard in (
        (f"SET organization_id = '{foreign.pk}'", "same_organization"),
        ("SET project_id = NULL", "environment_of_project"),
        ("SET organization_id = NULL", "project_of_organization"),
    ):
        with pytest.raises(Exception, match=guard):
            owner.execute(f"SET CONSTRAINTS ALL IMMEDIATE; UPDATE secretstore_secret {attack}")
    with pytest.raises(IntegrityError):
        Secret.objects.create(**place_of(production).columns(), name=NAME)
    Secret.objects.create(name="installation")
    with pytest.raises(IntegrityError):
        Secret.objects.create(name="installation")


def test_versions_set_at_once_each_have_their_number(team: Team, production: Environment) -> None:
    place = place_of(production)
    outcomes = race([lambda: keep(team, place)] * 8)
    assert sorted(outcomes, key=str) == list(range(1, 9))
    assert SecretVersion.objects.count() == 8
    assert read(team, place) == VALUE


def test_no_value_lies_in_any_table(team: Team, production: Environment, owner: OwnerAccess) -> None:
    import psycopg

    keep(team, place_of(production))
    read(team, place_of(production))
    with psycopg.connect(owner.server.owner_url(owner.database)) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        for (table,) in tables:
            rows = connection.execute(f"SELECT t::text FROM {table} t".encode()).fetchall()
            assert CANARY not in str(rows), table
            assert CANARY.encode().hex() not in str(rows), table
