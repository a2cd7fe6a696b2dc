"""Every call, page, action and task has a row in the permission matrix, and the rows are what happens."""

from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from holo.approvals.models import ApprovalDecision, ApprovalRequest
from holo.approvals.services import decide
from holo.identity.models import User
from orders.errors import OutOfStockError
from orders.models import Order
from tests.api.signers import BUYER
from tests.bad_inputs.cases.rows import MISSING, As, Sent
from tests.bad_inputs.surface import Endpoint, endpoints
from tests.bad_inputs.world import (
    World,
    a_user_change,
    an_invitation,
    awaiting_approval,
    awaiting_payment,
    parked,
)
from tests.logins import log_in
from tests.permissions import surface
from tests.permissions.matrix import CALLERS, PAGE, VISITORS, callers_of, matrix, page
from tests.permissions.people import Caller, build_callers, build_visitors, own_token
from tests.planting import as_owner
from tests.post import plan_mail
from tests.stories import PHONE, charge

ROWS = matrix()
ENDPOINTS = {str(endpoint): endpoint for endpoint in endpoints()}
# Asks servers that these tests do not start; who may ask is seen in the tests of health.
_NEEDS_SERVERS = {"ready"}
# Nobody runs the change that is asked about, so nothing is waited for.
_QUERIES = {"user-change-result": "wait=0"}


@pytest.fixture(scope="module")
def callers(world: World) -> dict[str, Caller]:
    """One caller of each kind; the order that is asked about becomes the buyer's of the one with a token."""
    as_owner("DROP TRIGGER orders_order_facts ON orders_order")
    return build_callers(world)


@pytest.fixture(scope="module")
def visitors(world: World) -> dict[str, tuple[User | None, Client]]:
    """One visitor of each kind; there is something to look at of each model."""
    order = awaiting_payment(world.shop)
    charge(world.shop.pay(order))
    request = ApprovalRequest.objects.get(subject_id=awaiting_approval(world.shop).pk)
    decide(
        actor=world.shop.auditor_actor,
        request_id=request.pk,
        verdict=ApprovalDecision.Verdict.APPROVE,
        reason="as agreed by phone",
    )
    parked(world.shop)
    an_invitation(world.shop.organization)
    plan_mail()
    with pytest.raises(OutOfStockError):
        world.shop.place(PHONE, quantity=100_000)
    a_user_change(world.shop.organization)
    empty = {model.__name__ for model in admin.site._registry if not model._default_manager.exists()}
    assert empty == set()
    return build_visitors(world)


@pytest.mark.parametrize(
    ("part", "found"),
    [
        ("api", surface.calls()),
        ("pages", set(surface.pages())),
        ("actions", surface.actions()),
        ("tasks", surface.tasks()),
    ],
)
def test_everything_has_a_row_and_every_row_is_of_something(part: str, found: set[str]) -> None:
    without = sorted(found - set(ROWS[part]))
    assert without == [], f"add to [{part}] in docs/permissions.toml who may do this"
    assert sorted(set(ROWS[part]) - found) == [], "rows of what is not there any more"


@pytest.mark.parametrize("part", ["api", "pages", "actions"])
def test_rows_name_known_kinds(part: str) -> None:
    known = set(CALLERS if part == "api" else VISITORS)
    assert {kind for row in ROWS[part].values() for kind in callers_of(row)} <= known


def test_page_is_made_of_the_rows() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run .venv/bin/python -m tests.permissions.matrix"


@pytest.mark.parametrize("call", sorted(set(ROWS["api"]) & set(ENDPOINTS)))
def test_callers_get_in_as_their_row_says(world: World, callers: dict[str, Caller], call: str) -> None:
    endpoint, row = ENDPOINTS[call], ROWS["api"][call]
    assert endpoint.scope == row["scope"]
    found = {kind: _status(world, endpoint, kind, caller) for kind, caller in callers.items()}
    let_in = callers_of(row)
    refused = dict.fromkeys(CALLERS, 403) | {"nobody": 401}
    assert found == {kind: row["status"] if kind in let_in else refused[kind] for kind in CALLERS}


def _status(world: World, endpoint: Endpoint, kind: str, caller: Caller) -> int:
    own = own_token(world, caller) if endpoint.name == "personal-token-detail" else ""
    world.target_for(endpoint, fresh=True)
    if order := world.orders.get(endpoint.name):
        Order.objects.filter(pk=order.pk).update(buyer=BUYER)
    # A public token is for one buyer and names none.
    change = (("/buyer", MISSING),) if (kind, str(endpoint)) == ("public", "POST order-list") else ()
    query = _QUERIES.get(endpoint.name, "")
    sent = Sent(label=kind, headers=caller.headers, object_id=own, query=query, change=change)
    return int(world.send(endpoint, sent, As.NOBODY, client=caller.client).status_code)


@pytest.mark.parametrize("call", sorted(set(ROWS["api"]) - set(ENDPOINTS)))
def test_calls_without_a_scope_ask_nobody_who_they_are(call: str) -> None:
    assert ROWS["api"][call]["scope"] == ""
    assert callers_of(ROWS["api"][call]) == set(CALLERS)
    method, _blank, name = call.partition(" ")
    answer = Client().generic(method, reverse(f"v1:{name}"), "{}", content_type="application/json")
    assert answer.status_code == 400, answer.content


@pytest.mark.parametrize("name", sorted(set(ROWS["pages"]) - _NEEDS_SERVERS))
def test_visitors_see_what_their_row_says(visitors: dict[str, tuple[User | None, Client]], name: str) -> None:
    route = surface.pages()[name]
    found = {kind for kind, (_person, client) in visitors.items() if _gets_in(client, name, route)}
    for person, client in visitors.values():
        if name == "admin:logout" and person is not None:
            log_in(client, person)
    assert found == callers_of(ROWS["pages"][name])


def _gets_in(client: Client, name: str, route: str) -> bool:
    path, key = surface.address(name, route)
    data = {"item": f"{key}:", "reason": "tried"}
    answer: Any = client.post(path, data) if surface.POSTED.search(name) else client.get(path)
    if answer.status_code == 302:
        # To the login page, or from a row that is not there for this visitor to the start page.
        gone = "object_id" in route and answer["Location"] == "/admin/"
        return not gone and not answer["Location"].startswith("/admin/login/")
    return answer.status_code not in (401, 403) and not (
        name == "admin:app_list" and answer.status_code == 404
    )


def test_actions_are_offered_as_their_row_says(visitors: dict[str, tuple[User | None, Client]]) -> None:
    people = {kind: person for kind, (person, _client) in visitors.items() if person is not None}
    found = {
        action: {kind for kind, person in people.items() if surface.offered(action, person)}
        for action in ROWS["actions"]
    }
    assert found == {action: callers_of(row) for action, row in ROWS["actions"].items()}


def test_admin_has_no_action_for_every_model() -> None:
    """What `surface.actions` does not look at: an action of the site is offered everywhere."""
    assert [name for name, _action in admin.site.actions if name != "delete_selected"] == []
