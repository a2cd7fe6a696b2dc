"""Variables that are created, changed, imported and read at the same instant, with positive controls."""

import json
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from holo.identity.models import Environment
from holo.identity.roles import Role
from holo.secretstore import operations
from holo.secretstore.locks import lock_secret
from holo.secretstore.models import Secret, SecretVersion
from holo.secretstore.places import Place
from holo.secretstore.sealing import open_version
from holo.secretstore.services import (
    Imported,
    create_variable,
    delete_variable,
    get_variable,
    import_variables,
    reveal_secret,
    update_variable,
)
from tests.api.people import Api, build_key
from tests.identity.people import Team
from tests.racing import race

RACERS = 8
WHERE: dict[str, Any] = {"project": "shop", "environment": "production"}
PATH = "/api/v1/projects/shop/environments/production/variables"


def creates(team: Team, name: str = "A") -> list[Callable[[], tuple[int, str]]]:
    """Return calls that create one variable, each with a value of its own."""
    key = build_key(
        owner=team.people[Role.ADMIN],
        organization=team.organization,
        scopes=["secrets:read", "secrets:write"],
    )

    def create(value: str) -> tuple[int, str]:
        response = Api(key).post(PATH, {"name": name, "value": value})
        return response.status_code, response.json().get("code", "")

    return [lambda value=str(number): create(value) for number in range(RACERS)]  # type: ignore[misc]


def only_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all callers look before any of them adds what it did not find, as without `claim`."""
    all_have_looked = threading.Barrier(RACERS)

    def look_then_wait(place: Place, name: str) -> Secret:
        found = lock_secret(place, name)
        all_have_looked.wait(60)
        return found or Secret()

    monkeypatch.setattr("holo.secretstore.services.variables.claim", look_then_wait)


def test_without_the_claim_one_variable_is_created_eight_times(
    team: Team, production: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    only_look(monkeypatch)
    assert Counter(race(creates(team))) == {(201, ""): RACERS}


def test_of_eight_creates_of_a_variable_one_succeeds(team: Team, production: Environment) -> None:
    expected = {(201, ""): 1, (409, "secretstore.variable_exists"): RACERS - 1}
    assert Counter(race(creates(team))) == expected
    assert SecretVersion.objects.count() == 1


def test_of_eight_creates_of_a_deleted_variable_one_succeeds(team: Team, production: Environment) -> None:
    actor = team.actor(Role.ADMIN)
    create_variable(actor=actor, **WHERE, name="A", value="old")
    delete_variable(actor=actor, **WHERE, name="A")
    assert Counter(status for status, _code in race(creates(team))) == {201: 1, 409: RACERS - 1}  # type: ignore[misc]


def test_a_refused_create_leaves_no_name_behind(team: Team, production: Environment) -> None:
    create_variable(actor=team.actor(Role.ADMIN), **WHERE, name="A", value="x")
    before = Secret.objects.count()
    assert {status for status, _code in race(creates(team))} == {409}  # type: ignore[misc]
    assert Secret.objects.count() == before


def test_imports_at_once_add_each_variable_once(team: Team, production: Environment) -> None:
    """Each in another order: they lock by name, so that none waits for another in a circle."""
    names = [f"V{number}" for number in range(6)]

    def run(number: int) -> Imported:
        variables = {name: str(number) for name in (names if number % 2 else reversed(names))}
        return import_variables(
            actor=team.actor(Role.ADMIN),
            **WHERE,
            variables=variables,
            overwrite=False,
        )

    outcomes = race([lambda number=number: run(number) for number in range(RACERS)])  # type: ignore[misc]
    assert Counter(outcomes) == {
        Imported(created=6, updated=0, skipped=0): 1,
        Imported(created=0, updated=0, skipped=6): RACERS - 1,
    }
    values = {get_variable(actor=team.actor(Role.ADMIN), **WHERE, name=name)[1] for name in names}
    assert len(values) == 1


def change_while_it_opens(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let somebody set the next value at the moment when a reader has the present one in its hands."""
    changed: list[Any] = []

    def open_late(version: SecretVersion) -> bytes:
        if not changed:
            update = lambda: update_variable(  # noqa: E731 - one call
                actor=team.actor(Role.ADMIN), **WHERE, name="A", value="2"
            )
            changed.extend(race([update]))
        return open_version(version)

    monkeypatch.setattr(operations, "open_version", open_late)


def test_a_value_is_read_with_its_own_version(
    team: Team, production: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    actor = team.actor(Role.ADMIN)
    create_variable(actor=actor, **WHERE, name="A", value="1")
    change_while_it_opens(team, monkeypatch)
    secret, value = get_variable(actor=actor, **WHERE, name="A")
    assert (secret.version, value) == (1, "1")
    secret, value = get_variable(actor=actor, **WHERE, name="A")
    assert (secret.version, value) == (2, "2")


def test_a_value_is_revealed_with_its_own_version(
    team: Team, production: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    actor = team.actor(Role.ADMIN)
    made = create_variable(actor=actor, **WHERE, name="A", value="1")
    change_while_it_opens(team, monkeypatch)
    secret, value = reveal_secret(actor=actor, secret_id=made.pk, reason="looking for a fault")
    assert (secret.version, value) == (1, "1")


def test_no_read_of_many_shows_another_version(team: Team, production: Environment) -> None:
    actor = team.actor(Role.ADMIN)
    create_variable(actor=actor, **WHERE, name="A", value="1")
    key = build_key(owner=team.people[Role.ADMIN], organization=team.organization, scopes=["secrets:read"])

    def write() -> list[Any]:
        for number in range(2, 40):
            update_variable(actor=actor, **WHERE, name="A", value=str(number))
        return []

    def read() -> list[Any]:
        return [json.loads(Api(key).get(f"{PATH}/A").content) for _ in range(40)]

    _written, *seen = race([write, read, read])
    assert [row for rows in seen for row in rows if row["value"] != str(row["version"])] == []  # type: ignore[union-attr]
