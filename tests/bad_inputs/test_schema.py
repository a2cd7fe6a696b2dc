"""Requests generated from the committed OpenAPI document: no fault, no answer that it does not describe."""

import re
from collections import Counter
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import schemathesis
from django.conf import settings as django_settings
from django.core.wsgi import get_wsgi_application
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from holo.identity.roles import Role
from holo.identity.services import close_user_change
from tests.api.people import build_key, build_person
from tests.bad_inputs.surface import ROOT, endpoints
from tests.bad_inputs.world import (
    World,
    a_user_change,
    awaiting_approval,
    awaiting_payment,
    parked,
    placed,
)
from tests.identity.people import add_member
from tests.proof import FULL, SEED, Proof
from tests.stories import PHONE

CASES = 2_000 if FULL else 200
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
ROLES = {
    "viewer": ["orders:read", "inventory:read"],
    "operator": ["orders:read", "orders:write", "inventory:read"],
    "auditor": ["orders:read", "orders:audit", "inventory:read"],
    "owner": [
        "organization:read",
        "organization:write",
        "integrations:read",
        "integrations:vote",
        "secrets:read",
        "secrets:write",
        "users:read",
        "users:write",
        "tokens:read",
        "tokens:write",
        "tokens:public",
    ],
    "nobody": [],
}

# Nobody is asked who they are there, so what these answer tells nothing about a role.
OPEN = {"POST /api/v1/authorization-codes", "POST /api/v1/tokens"}


@pytest.fixture(scope="module")
def schema() -> Any:
    """The committed document, answered by the product in this process."""
    path = Path(django_settings.BASE_DIR) / "docs" / "openapi.yaml"
    loaded = schemathesis.openapi.from_path(path)
    loaded.app = get_wsgi_application()
    return loaded


@pytest.fixture(scope="module")
def orders(world: World) -> list[str]:
    """Orders in several states, so that not every id is an absent one."""
    makers = (placed, awaiting_payment, awaiting_approval, parked)
    return [str(maker(world.shop).pk) for maker in makers for _ in range(3)]


@pytest.fixture(scope="module")
def changes(world: World) -> list[str]:
    """Changes of users, of which every other one is over."""
    found = [a_user_change(world.shop.organization) for _ in range(6)]
    for workflow_id in found[::2]:
        close_user_change(change_id=UUID(workflow_id.split("-", 2)[2]), code="")
    return found


def _key(world: World, role: str) -> str:
    if not ROLES[role]:
        return ""
    organization = world.shop.organization
    if role == "owner":
        person = add_member(organization, Role.OWNER)
    else:
        person = build_person(organization=organization, groups=[role])
    return build_key(owner=person, organization=organization, scopes=ROLES[role])


def _documented(route: str) -> str:
    return ROOT + re.sub(r"<\w+:(\w+)>", r"{\1}", route)


def test_every_endpoint_is_documented_and_so_called(schema: Any) -> None:
    documented = {operation.ok().label for operation in schema.get_all_operations()}
    here = {f"{one.method} {_documented(one.route)}" for one in endpoints()}
    # Who asks for a token or a code has no key yet, so these have cases of their own in `tests/api/`.
    assert documented - here == {f"POST {ROOT}tokens", f"POST {ROOT}authorization-codes"}
    assert here <= documented


@pytest.mark.parametrize("prefix", ["users:", "orders:", "secrets:", "integrations:", "organization:"])
def test_some_role_holds_the_scopes_of_the_endpoints(prefix: str) -> None:
    wanted = {one.scope for one in endpoints() if one.scope.startswith(prefix)}
    assert wanted
    assert wanted <= {scope for scopes in ROLES.values() for scope in scopes}


@pytest.mark.prove
@pytest.mark.parametrize("role", ROLES)
def test_every_answer_is_a_documented_one(
    role: str, world: World, schema: Any, orders: list[str], changes: list[str], proof: Proof
) -> None:
    key = _key(world, role)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    called: Counter[str] = Counter()
    answered: Counter[int] = Counter()
    documented = {operation.ok().label for operation in schema.get_all_operations()}
    generated = st.one_of(
        *(
            operation.ok().as_strategy(generation_mode=mode)
            for operation in schema.get_all_operations()
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
        )
    )

    @seed(SEED)
    @settings(
        max_examples=CASES,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        case=generated,
        order=st.sampled_from([None, *orders]),
        change=st.sampled_from([None, *changes]),
        alone=st.integers(0, 3),
    )
    def call(case: Any, order: str | None, change: str | None, alone: int) -> None:
        if order is not None and "order_id" in (case.path_parameters or {}):
            case.path_parameters = {**case.path_parameters, "order_id": order}
        if change is not None and "workflow_id" in (case.path_parameters or {}):
            case.path_parameters = {**case.path_parameters, "workflow_id": change}
            # Nothing runs these, so whoever waits for one waits in vain.
            case.query = {name: value for name, value in (case.query or {}).items() if name != "wait"}
        if alone and case.headers and "X-Organization" in case.headers:
            # Nearly every made-up organisation is unknown, which would hide all that comes after.
            case.headers = {name: value for name, value in case.headers.items() if name != "X-Organization"}
        if alone > 1 and case.operation.label == "POST /api/v1/orders" and isinstance(case.body, dict):
            # No made-up SKU exists, and no made-up amount is right.
            known = {name: value for name, value in case.body.items() if name != "amount"}
            case.body = {**known, "items": [PHONE]}
        answer = case.call(headers=headers)
        called[case.operation.label] += 1
        if case.operation.label not in OPEN:
            answered[answer.status_code] += 1
        case.validate_response(answer, checks=CHECKS)

    call()
    proof.note(cases=sum(called.values()), statuses=dict(sorted(answered.items())))
    assert called
    # Which addresses and answers turn up among a few cases is chance; among many it is not.
    if FULL:
        assert set(called) == documented, documented - set(called)
        assert (201 in answered) == (role in ("operator", "owner")), answered
        assert (set(answered) <= {400, 401, 404}) == (not key), answered
