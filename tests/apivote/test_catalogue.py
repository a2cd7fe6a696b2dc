"""The file and its rows: in step after each migration, votes kept, a bad file told entry by entry."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command

from holo.apivote import catalogue
from holo.apivote.catalogue import put_in_step, read_catalogue
from holo.apivote.models import ApiIntegrationVote, Integration
from holo.apivote.services import vote_for_integration
from holo.identity.roles import Role
from tests.identity.people import actor_of, build_team
from tests.planting import as_owner
from tests.racing import race

GOOD = {"identifier": "shopify", "name": "Shopify", "category": "store", "home_page": "https://x.example"}


def rows() -> list[dict[str, Any]]:
    return [dict(row) for row in Integration.objects.order_by("identifier").values()]


def file_with(tmp_path: Path, *entries: object) -> Path:
    file = tmp_path / "catalogue.json"
    file.write_text(json.dumps(entries), encoding="utf-8")
    return file


@pytest.mark.pure
def test_the_shipped_file_is_sound_and_has_fifty() -> None:
    entries = read_catalogue()
    assert len(entries) >= 50
    assert {entry["category"] for entry in entries} == set(Integration.Category.values)


@pytest.mark.pure
@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ([{**GOOD, "identifier": "Shop ify"}], "entry 1 (Shop ify): the identifier has lower-case letters"),
        ([GOOD, GOOD], "entry 2 (shopify): the identifier is there twice"),
        ([{**GOOD, "category": "toys"}], "entry 1 (shopify): the category is none of: store, "),
        ([{**GOOD, "home_page": "http://x"}], "entry 1 (shopify): the home page is not an https address"),
        ([{**GOOD, "home_page": "https://"}], "the home page is not an https address"),
        ([{**GOOD, "name": "n" * 101}], "entry 1 (shopify): name is longer than 100"),
        ([{**GOOD, "name": ""}], "entry 1: each field is a text and not empty"),
        ([{**GOOD, "votes": 5}], "entry 1: needs exactly identifier, name, category, home_page"),
        (["shopify"], "entry 1: needs exactly"),
    ],
)
def test_a_bad_entry_is_told_by_its_number(tmp_path: Path, entries: list[object], says: str) -> None:
    with pytest.raises(ImproperlyConfigured) as refusal:
        read_catalogue(file_with(tmp_path, *entries))
    assert says in str(refusal.value)


@pytest.mark.pure
def test_no_json_no_list_and_no_file_are_told(tmp_path: Path) -> None:
    file = tmp_path / "catalogue.json"
    with pytest.raises(ImproperlyConfigured, match="No such file"):
        read_catalogue(file)
    for text, says in (("{", "Expecting"), ("{}", "not a list")):
        file.write_text(text)
        with pytest.raises(ImproperlyConfigured, match=says):
            read_catalogue(file)


def test_a_migration_puts_the_rows_in_step_and_a_second_changes_nothing(fresh_database: str) -> None:
    before = rows()
    assert [row["identifier"] for row in before] == sorted(entry["identifier"] for entry in read_catalogue())
    call_command("migrate", verbosity=0, skip_checks=True)
    assert rows() == before


def test_changes_reach_the_rows_and_votes_stay(
    fresh_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    team = build_team()
    actor = actor_of(team.people[Role.MEMBER], team.organization)
    vote_for_integration(actor=actor, identifier="shopify")
    vote_for_integration(actor=actor, identifier="stripe")
    ids = dict(Integration.objects.values_list("identifier", "id"))
    file = file_with(tmp_path, {**GOOD, "name": "Shopify Plus"}, {**GOOD, "identifier": "new-one"})
    monkeypatch.setattr(catalogue, "read_catalogue", lambda: read_catalogue(file))
    put_in_step()
    listed = dict(Integration.objects.filter(listed=True).values_list("identifier", "name"))
    assert listed == {"shopify": "Shopify Plus", "new-one": "Shopify"}
    assert dict(Integration.objects.values_list("identifier", "id")).items() >= ids.items()
    assert ApiIntegrationVote.objects.count() == 2
    monkeypatch.undo()
    put_in_step()
    assert Integration.objects.get(identifier="stripe").listed
    assert not Integration.objects.get(identifier="new-one").listed


def test_two_migrations_at_once_make_each_row_once(fresh_database: str) -> None:
    as_owner("DELETE FROM apivote_integration")
    outcomes = race([put_in_step] * 4)
    assert outcomes == [None] * 4
    assert len(rows()) == len(read_catalogue())
