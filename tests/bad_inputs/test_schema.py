"""Requests generated from the committed OpenAPI document: no fault, no answer that it does not describe."""

from collections import Counter
from pathlib import Path
from typing import Any

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
from tests.api.people import build_key, build_person
from tests.bad_inputs.surface import endpoints
from tests.bad_inputs.world import (
    World,
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
    ],
    "nobody": [],
}


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


def _key(world: World, role: str) -> str:
    if not ROLES[role]:
        return ""
    organization = world.shop.organization
    if role == "owner":
        person = add_member(organization, Role.OWNER)
    else:
        person = build_person(organization=organization, groups=[role])
    return build_key(owner=person, organization=organization, scopes=ROLES[role])


@pytest.mark.prove
@pytest.mark.parametrize("role", ROLES)
def test_every_answer_is_a_documented_one(
    role: str, world: World, schema: Any, orders: list[str], proof: Proof
) -> None:
    key = _key(world, role)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    called: Counter[str] = Counter()
    answered: Counter[int] = Counter()
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
    @given(case=generated, order=st.sampled_from([None, *orders]), alone=st.integers(0, 3))
    def call(case: Any, order: str | None, alone: int) -> None:
        if order is not None and "order_id" in (case.path_parameters or {}):
            case.path_parameters = {**case.path_parameters, "order_id": order}
        if alone and case.headers and "X-Organization" in case.headers:
            # Nearly every made-up organisation is unknown, which would hide all that comes after.
            case.headers = {name: value for name, value in case.headers.items() if name != "X-Organization"}
        if alone > 1 and case.operation.label == "POST /api/v1/orders" and isinstance(case.body, dict):
            # No made-up SKU exists, and no made-up amount is right.
            known = {name: value for name, value in case.body.items() if name != "amount"}
            case.body = {**known, "items": [PHONE]}
        answer = case.call(headers=headers)
        called[case.operation.label] += 1
        answered[answer.status_code] += 1
        case.validate_response(answer, checks=CHECKS)

    call()
    proof.note(cases=sum(called.values()), statuses=dict(sorted(answered.items())))
    assert called
    # Which addresses and answers turn up among a few cases is chance; among many it is not.
    if FULL:
        assert len(called) == len(endpoints()), called
        assert (201 in answered) == (role in ("operator", "owner")), answered
        assert (set(answered) <= {400, 401, 404}) == (not key), answered
