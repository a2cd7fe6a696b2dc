"""Every place of every request where something is named, with what belongs to another organisation.

The answer is that for what is nowhere, word by word, and the database is asked the same questions on the
way, so that neither a count nor the time taken tells that the thing exists.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from holo.common.ids import uuid7
from holo.identity.models import Membership, UserChange
from tests.bad_inputs.cases.rows import Sent
from tests.bad_inputs.surface import CHANGING, ROOT, Endpoint, Field, Kind, endpoints, parameters_of
from tests.bad_inputs.world import World, a_user_change, build_world, changed, written
from tests.builders import build_product, build_stock, build_warehouse

_PLACE = re.compile(r"<(\w+):(\w+)>")
# What is told of by everybody to everybody: the catalogue and its votes.
_SHARED = "integration-"
_ALL = endpoints()
_OWNED = [endpoint for endpoint in _ALL if endpoint.is_owned]
_LISTS = [endpoint for endpoint in _ALL if endpoint.is_list and not endpoint.name.startswith(_SHARED)]
_FIXED = re.compile(
    r"'(?:[^']|'')*'(?:::\w+(?:\[\])?)?|\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b|\b\d+\b|\bs\d+_x\d+\b"
)


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Two organisations with the same kinds of things."""

    own: World
    foreign: World


@pytest.fixture(scope="module")
def neighbours(module_database: str) -> Neighbours:
    """Whose key is used, and whose things are named."""
    found = Neighbours(own=build_world(), foreign=build_world())
    # A key's first public token makes the secret that signs the others.
    found.own.send(next(e for e in _ALL if str(e) == "POST public-token"), Sent(label="first"))
    return found


@dataclass(frozen=True, slots=True)
class Told:
    """What a caller can see of a refusal, and what the database was asked."""

    status: int
    body: dict[str, Any]
    statements: list[str]


def _ask(world: World, endpoint: Endpoint, path: str, *named: str) -> Told:
    """Send the good request to `path`; the names given are blanked in what comes back."""
    before = written()
    with CaptureQueriesContext(connection) as captured:
        answer = world.send(endpoint, Sent(label="foreign", path=path))
    left = changed(before)
    assert not left, left
    text = answer.content.decode()
    for name in (*named, answer["X-Request-ID"]):
        text = text.replace(name, "…")
    return Told(answer.status_code, json.loads(text), _statements(captured))


def _statements(captured: CaptureQueriesContext) -> list[str]:
    """Return what the database was asked, without values; the use of a key is noted once a minute."""
    found = [_FIXED.sub("?", query["sql"]) for query in captured.captured_queries]
    # What is asked again until something has happened counts once.
    return [statement for statement, _again in groupby(found) if "SET last_used_at" not in statement]


def _swapped(endpoint: Endpoint, values: Sequence[str]) -> str:
    """Return the address with these values in its places."""
    left = iter(values)
    return ROOT + _PLACE.sub(lambda _place: next(left), endpoint.route)


def _nowhere(endpoint: Endpoint, place: int) -> str:
    kind, name = _PLACE.findall(endpoint.route)[place]
    if name == "workflow_id":
        return f"user-create-{uuid7()}"
    return str(uuid7()) if kind == "id" else f"x{uuid7().hex}"


def _places() -> Iterator[Any]:
    for endpoint in _OWNED:
        for place, (_kind, name) in enumerate(_PLACE.findall(endpoint.route)):
            yield pytest.param(endpoint, place, id=f"{endpoint}-{name}")


@pytest.mark.parametrize(("endpoint", "place"), [*_places()])
def test_foreign_name_in_the_address_is_told_like_one_that_is_nowhere(
    neighbours: Neighbours, endpoint: Endpoint, place: int
) -> None:
    own = neighbours.own.target_for(endpoint)
    # A new one: other tests use names that are taken elsewhere for own rows.
    foreign = neighbours.foreign.target_for(endpoint, fresh=True)
    nowhere = _nowhere(endpoint, place)
    values = [own] * len(_PLACE.findall(endpoint.route))
    answers = []
    for name in (nowhere, foreign):
        values[place] = name
        answers.append(_ask(neighbours.own, endpoint, _swapped(endpoint, values), name))
    absent, other = answers
    assert other.status == 404, other.body
    assert (other.status, other.body) == (absent.status, absent.body)
    assert other.statements == absent.statements


@pytest.mark.parametrize(
    "endpoint",
    [pytest.param(endpoint, id=str(endpoint)) for endpoint in _OWNED if endpoint.route.count("<") > 1],
)
def test_address_that_is_foreign_throughout_is_told_like_one_that_is_nowhere(
    neighbours: Neighbours, endpoint: Endpoint
) -> None:
    count = endpoint.route.count("<")
    foreign = neighbours.foreign.target_for(endpoint)
    nowhere = _nowhere(endpoint, 0)
    absent = _ask(neighbours.own, endpoint, _swapped(endpoint, [nowhere] * count), nowhere)
    other = _ask(neighbours.own, endpoint, _swapped(endpoint, [foreign] * count), foreign)
    assert other == absent
    assert other.status == 404


@pytest.mark.parametrize(
    "endpoint",
    [pytest.param(endpoint, id=str(endpoint)) for endpoint in _OWNED if endpoint.route.count("<") > 1],
)
def test_inner_name_of_a_sibling_is_not_found(neighbours: Neighbours, endpoint: Endpoint) -> None:
    own = neighbours.own.target_for(endpoint)
    sibling = neighbours.own.target_for(endpoint, fresh=True)
    for place in range(1, endpoint.route.count("<")):
        values = [own] * endpoint.route.count("<")
        values[place] = sibling
        assert _ask(neighbours.own, endpoint, _swapped(endpoint, values)).status == 404


def _named(world: World) -> dict[str, str]:
    """Return the names of things that only this organisation has, by what fields and filters call them."""
    own = world.shop.organization
    placing = next(e for e in _ALL if str(e) == "POST order-list")
    order = world.send(placing, Sent(label="order")).json()
    project = world.target_for(next(e for e in _ALL if e.name == "project-detail"))
    sku = build_product(organization=own, sku=f"P{uuid7().hex}").sku
    warehouse = build_warehouse(organization=own, code=f"W{uuid7().hex[:12]}").code
    person = Membership.objects.filter(organization=own).select_related("user")[0].user
    return {
        "sku": sku,
        "warehouse": warehouse,
        "client_ref": order["client_ref"],
        "buyer": order["buyer"],
        "number": order["number"],
        "email": person.email,
        "slug": project,
        "user_id": UserChange.objects.get(pk=a_user_change(own).split("-", 2)[2]).reference,
        "name": project,
        # A payment's token belongs to the provider, not to us.
        "token": "tok_ok",
    }


# Where a token works from is no object of anybody's.
_NOBODYS = "/networks/0"
# An account is the installation's: whoever makes one is told that the address has one (`docs/users.md`).
_TOLD = {("POST user-change-list", "/email")}


def _fields() -> Iterator[Any]:
    for endpoint in _ALL:
        for declared in endpoint.good.fields:
            told = (str(endpoint), declared.pointer) in _TOLD
            named = declared.kind in (Kind.IDENTIFIER, Kind.UUID) and declared.pointer != _NOBODYS
            if named and not told:
                yield pytest.param(endpoint, declared, id=f"{endpoint}-{declared.pointer}")


@pytest.mark.parametrize(("endpoint", "declared"), [*_fields()])
def test_foreign_name_in_a_body_is_told_like_one_that_is_nowhere(
    neighbours: Neighbours, endpoint: Endpoint, declared: Field
) -> None:
    name = declared.pointer.rpartition("/")[2]
    foreign = _named(neighbours.foreign)[name]
    spare = f"x{uuid7().hex}@example.com" if "@" in foreign else f"x{uuid7().hex}"
    nowhere = foreign if name == "token" else spare
    told = []
    for value in (nowhere, foreign):
        neighbours.own.forget(endpoint)
        neighbours.own.target_for(endpoint)
        with CaptureQueriesContext(connection) as captured:
            answer = neighbours.own.send(endpoint, Sent(label="foreign", change=((declared.pointer, value),)))
        body = json.loads(answer.content)
        told.append((answer.status_code, body.get("code"), _statements(captured)))
        neighbours.own.forget(endpoint)
    assert told[0] == told[1]


def _filters() -> Iterator[Any]:
    for endpoint in _LISTS:
        for name, kind in parameters_of(endpoint):
            if kind is Kind.NAME_PARAMETER:
                yield pytest.param(endpoint, name, id=f"{endpoint}-{name}")


@pytest.mark.parametrize(("endpoint", "name"), [*_filters()])
def test_foreign_name_in_a_filter_finds_nothing(
    neighbours: Neighbours, endpoint: Endpoint, name: str
) -> None:
    found = neighbours.own.send(
        endpoint, Sent(label="foreign", query=f"{name}={_named(neighbours.foreign)[name]}")
    )
    nothing = neighbours.own.send(endpoint, Sent(label="nowhere", query=f"{name}=x{uuid7().hex[:12]}"))
    assert found.status_code == nothing.status_code == 200
    assert found.json() == nothing.json()
    assert found.json()["results"] == []


@pytest.mark.parametrize("endpoint", [pytest.param(endpoint, id=str(endpoint)) for endpoint in _LISTS])
def test_foreign_cursor_shows_none_of_its_rows(neighbours: Neighbours, endpoint: Endpoint) -> None:
    for world in (neighbours.own, neighbours.foreign):
        _fill(world, endpoint)
    first = neighbours.foreign.send(endpoint, Sent(label="first", query="limit=1"))
    cursor = first.json()["next"].partition("?")[2]
    everything = _rows(neighbours.own.send(endpoint, Sent(label="all", query="limit=200")))
    answer = neighbours.own.send(endpoint, Sent(label="foreign", query=cursor))
    # A list within something that is named refuses it: the cursor is bound to its address.
    assert answer.status_code in ((200, 400) if endpoint.has_id else (200,)), answer.content
    assert answer.status_code == 400 or all(row in everything for row in _rows(answer))


@pytest.mark.parametrize("endpoint", [pytest.param(endpoint, id=str(endpoint)) for endpoint in _LISTS])
def test_rows_of_others_change_nothing_about_a_list(neighbours: Neighbours, endpoint: Endpoint) -> None:
    _fill(neighbours.own, endpoint)
    before = neighbours.own.send(endpoint, Sent(label="before"))
    _fill(neighbours.foreign, endpoint)
    after = neighbours.own.send(endpoint, Sent(label="after"))
    assert before.status_code == 200
    assert before.json()["results"]
    assert after.json() == before.json()


def _rows(answer: Any) -> list[str]:
    return [json.dumps(row, sort_keys=True) for row in answer.json()["results"]]


def _fill(world: World, endpoint: Endpoint) -> None:
    """Give the list two rows, by the address that makes them or in the ways of the shop."""
    making = [each for each in _ALL if each.name == endpoint.name and each.method == "POST"]
    world.target_for(endpoint)
    for _row in range(2):
        if making:
            assert world.send(making[0], Sent(label="fill", path=_own(world, endpoint))).status_code < 300
        elif endpoint.name == "member-list":
            world.target_for(next(e for e in _ALL if e.name == "member-detail"), fresh=True)
        elif endpoint.name == "order-timeline":
            world.order_for(endpoint)
        elif endpoint.name in ("product-list", "stock-list"):
            own = world.shop.organization
            product = build_product(organization=own, sku=f"A{uuid7().hex}")
            build_stock(product=product, warehouse=world.shop.warehouses["EAST"], on_hand=1)


def _own(world: World, endpoint: Endpoint) -> str:
    return endpoint.path(world.target_for(endpoint))


def test_every_change_of_what_is_owned_is_swapped() -> None:
    """The control: what is skipped is the catalogue alone."""
    skipped = {endpoint.name for endpoint in _ALL if endpoint.has_id and endpoint not in _OWNED}
    assert skipped == {"integration-detail", "integration-vote"}
    assert {endpoint.method for endpoint in _OWNED} >= set(CHANGING)
