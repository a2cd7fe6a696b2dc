"""Every row about requests on every endpoint it applies to: refused as the table says, nothing written."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from django.test import Client

from holo.apiauth.scopes import ANY_CALLER
from orders.models import Order
from tests.bad_inputs.answers import check_problem, check_quiet
from tests.bad_inputs.cases.bodies import BODIES
from tests.bad_inputs.cases.fields import FIELDS
from tests.bad_inputs.cases.requests import REQUESTS
from tests.bad_inputs.cases.rows import As, BodyCase, Case, FieldCase, On, Sent
from tests.bad_inputs.surface import (
    BODIED,
    CHANGING,
    GOOD,
    OPEN,
    PLACE,
    Endpoint,
    Field,
    Kind,
    documented,
    documented_fields,
    endpoints,
    parameters_of,
    plain_addresses,
    template,
)
from tests.bad_inputs.world import World, changed, written
from tests.proof import sample

ENDPOINTS = endpoints()
WITH_BODY = [endpoint for endpoint in ENDPOINTS if endpoint.method in BODIED]
# Endpoints on which each row is tried where not all are (`make prove`).
_OF_EACH_ROW = 8
LISTS = [endpoint for endpoint in ENDPOINTS if endpoint.is_list]


def _has_required(endpoint: Endpoint) -> bool:
    return any(field.required for field in endpoint.good.fields)


def _targets(case: Case) -> list[Endpoint]:
    chosen = {
        On.EVERY: ENDPOINTS,
        On.READ: [endpoint for endpoint in ENDPOINTS if endpoint.method == "GET"],
        On.POST: WITH_BODY,
        On.WRITE: [endpoint for endpoint in ENDPOINTS if endpoint.method in CHANGING],
        On.BODY: [endpoint for endpoint in WITH_BODY if _has_required(endpoint)],
        On.LIST: LISTS,
        On.ID: [endpoint for endpoint in ENDPOINTS if endpoint.has_id],
        On.OWNED: [endpoint for endpoint in ENDPOINTS if endpoint.is_owned],
    }
    return chosen[case.on]


def _pairs() -> Iterator[Any]:
    for number, case in enumerate(REQUESTS):
        asked = [
            endpoint
            for endpoint in _targets(case)
            if case.caller != As.NARROW or endpoint.scope != ANY_CALLER
        ]
        for endpoint in sample(asked, at_least=_OF_EACH_ROW, name=str(number)):
            yield pytest.param(case, endpoint, id=f"{case.id}-{number}-{endpoint}".replace(" ", "-"))


def _of(case: Case, endpoint: Endpoint) -> Sequence[Sent]:
    return case.sent if isinstance(case.sent, tuple) else case.sent(endpoint)


def test_every_endpoint_has_a_good_request_and_every_good_request_an_endpoint() -> None:
    assert {str(endpoint) for endpoint in ENDPOINTS} == set(GOOD)


def test_every_documented_call_has_a_good_request_or_asks_nobody_who_calls() -> None:
    asking = {f"{endpoint.method} {template(endpoint)}" for endpoint in ENDPOINTS}
    assert documented() - asking == OPEN
    assert asking <= documented()


@pytest.mark.parametrize("endpoint", WITH_BODY, ids=str)
def test_every_documented_field_has_its_cases(endpoint: Endpoint) -> None:
    known = {field.pointer for field in endpoint.good.fields}
    # The switches of the sandbox are known in the demonstration only, so the document leaves them out.
    demo = {pointer for pointer in known if pointer.startswith("/sandbox")}
    assert documented_fields(endpoint) == known - demo


def test_every_row_is_applied_somewhere() -> None:
    idle = [case.id for case in REQUESTS if not any(_of(case, endpoint) for endpoint in _targets(case))]
    assert idle == []


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)
def test_good_request_is_accepted(world: World, endpoint: Endpoint, caplog: pytest.LogCaptureFixture) -> None:
    """The control: it is the spoiling that is refused, and writing is noticed."""
    world.target_for(endpoint, fresh=True)
    before = written()
    answer = world.send(endpoint, Sent(label="good"))
    assert answer.status_code in (200, 201, 202), answer.content
    if endpoint.good.audited:
        assert changed(before) == {"audit_auditevent"}
    else:
        assert bool(changed(before)) == (endpoint.method in CHANGING)
    check_quiet(caplog)
    world.forget(endpoint)


@pytest.mark.prove
@pytest.mark.parametrize(("case", "endpoint"), list(_pairs()))
def test_request_is_refused(
    world: World, case: Case, endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    world.target_for(endpoint)
    before = written()
    bodies = set()
    for sent in _of(case, endpoint):
        answer = world.send(endpoint, sent, case.caller)
        pointer = sent.pointer if sent.pointer is not None else case.pointer
        body = check_problem(answer, case, status=case.status, pointer=pointer, log=caplog)
        for name, value in case.answers.items():
            assert answer[name] == value, sent.label
        bodies.add(json.dumps({**body, "request_id": "", "instance": ""}, sort_keys=True))
        _check_particulars(case, endpoint, sent, answer, body)
    # Whatever is wrong with a key, and whether an object is foreign or absent, looks the same.
    assert len(bodies) <= 1 or case.code not in ("request.unauthenticated", "request.not_found")
    assert changed(before) <= world.notes_of(case.caller)


def _check_particulars(case: Case, endpoint: Endpoint, sent: Sent, answer: Any, body: dict[str, Any]) -> None:
    if case.id == "A36":
        own = {other.method for other in ENDPOINTS if other.route == endpoint.route}
        assert set(answer["Allow"].split(", ")) == own | ({"HEAD"} if "GET" in own else set())
    if case.id == "A38":
        assert b"evil" not in answer.content
    if case.id == "A41":
        assert body["details"] == {"scope": endpoint.scope}
    if case.id == "A07":
        assert body["details"] == {"limit": 1024 * 1024}


def _body_pairs() -> Iterator[Any]:
    for endpoint in WITH_BODY:
        for case in BODIES:
            if _has_required(endpoint) or not case.needs_fields:
                label = f"{case.id}-{case.label}-{endpoint}".replace(" ", "-")
                yield pytest.param(case, endpoint, id=label)


@pytest.mark.parametrize(("case", "endpoint"), list(_body_pairs()))
def test_body_is_refused(
    world: World, case: BodyCase, endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    world.target_for(endpoint)
    before = written()
    answer = world.send(endpoint, Sent(label=case.label, body=case.body))
    body = check_problem(answer, case, status=400, pointer=case.pointer, log=caplog)
    if case.id == "A05":
        assert set(body["details"]) == {"line", "column"}
    assert changed(before) == set()


def _field_pairs() -> Iterator[Any]:
    for number, case in enumerate(FIELDS):
        for endpoint in WITH_BODY:
            for field in endpoint.good.fields:
                if field.kind == case.kind:
                    yield pytest.param(case, endpoint, field, id=f"{case.id}-{number}-{field.pointer}")


@pytest.mark.parametrize(("case", "endpoint", "field"), list(_field_pairs()))
def test_value_is_refused_where_it_stands(
    world: World, case: FieldCase, endpoint: Endpoint, field: Field, caplog: pytest.LogCaptureFixture
) -> None:
    world.target_for(endpoint)
    before = written()
    for value in case.values(field):
        sent = Sent(label=repr(value)[:30], change=((field.pointer, value),))
        check_problem(world.send(endpoint, sent), case, status=400, pointer=field.pointer, log=caplog)
    assert changed(before) == set()


def _parameter_pairs() -> Iterator[Any]:
    for number, case in enumerate(FIELDS):
        for endpoint in LISTS:
            for name, kind in parameters_of(endpoint):
                if kind == case.kind:
                    yield pytest.param(case, endpoint, name, id=f"{case.id}-{number}-{endpoint.name}-{name}")


@pytest.mark.parametrize(("case", "endpoint", "name"), list(_parameter_pairs()))
def test_parameter_is_refused(
    world: World, case: FieldCase, endpoint: Endpoint, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    target = world.target_for(endpoint)
    before = written()
    for value in case.values(Field(pointer=name, kind=case.kind)):
        client = Client(headers=world.headers(endpoint, As.GOOD))
        answer = client.get(endpoint.path(target), {name: value})
        check_problem(answer, case, status=400, pointer=name, log=caplog)
    assert changed(before) == set()


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)
def test_a37_a_browser_gets_json_all_the_same(
    world: World, endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    for accept in ("text/html", "application/xml", "*/*;q=0", "nonsense"):
        sent = Sent(label=accept, headers={"Accept": accept}, query="nonsense=1")
        answer = world.send(endpoint, sent)
        assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    check_quiet(caplog)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)
def test_a36_a_method_in_a_header_is_ignored(
    world: World, endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"):
        answer = world.send(endpoint, Sent(label=name, headers={name: "DELETE"}, query="x=1"))
        assert answer.status_code == 400
        assert answer.json()["code"] == "request.unknown_filter"
    check_quiet(caplog)


def test_a13_free_text_is_kept_as_it_is_meant(world: World) -> None:
    """Scripts and emoji need joiners; an accent has one form in the database."""
    (endpoint,) = [endpoint for endpoint in WITH_BODY if endpoint.name == "order-list"]
    sent = Sent(
        label="text", change=(("/ship_to/name", "Ame\u0301lie \u0645\u06cc\u200c\u062e \u2764\ufe0f <b>"),)
    )
    answer = world.send(endpoint, sent)
    assert answer.status_code == 201, answer.content
    assert Order.objects.get(pk=answer.json()["id"]).ship_to == {
        **PLACE.body["ship_to"],  # type: ignore[index]
        "name": "Am\u00e9lie \u0645\u06cc\u200c\u062e \u2764\ufe0f <b>",
    }


@pytest.mark.parametrize("path", plain_addresses())
def test_plain_address_refuses_hosts_and_methods(
    world: World, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    client = Client(raise_request_exception=False, enforce_csrf_checks=True)
    before = written()
    foreign = client.get(path, headers={"Host": "evil.example"})
    assert foreign.status_code == 400
    assert b"evil" not in foreign.content
    if path != "/":
        for method in ("PUT", "DELETE", "TRACE", "BREW"):
            answer = client.generic(method, path)
            assert answer.status_code == 405, (method, answer.status_code)
            assert answer["Allow"]
    assert changed(before) == set()
    check_quiet(caplog)


def test_kinds_that_no_endpoint_has_are_shown_by_the_base_layer() -> None:
    """Kept in step with `test_fields.py`: each kind has an endpoint or a field there."""
    used = {field.kind for endpoint in WITH_BODY for field in endpoint.good.fields}
    used |= {kind for endpoint in LISTS for _name, kind in parameters_of(endpoint)}
    assert {case.kind for case in FIELDS} - used == {Kind.UUID, Kind.MOMENT}
