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

from holo.identity.models import Membership
from holo.identity.roles import Role
from tests.api.people import build_key, build_person
from tests.bad_inputs.surface import OPEN, endpoints
from tests.bad_inputs.world import (
    World,
    a_member,
    a_personal_token,
    a_project,
    a_user_change,
    an_integration,
    an_invitation,
    an_organization_token,
    awaiting_approval,
    awaiting_payment,
    parked,
    placed,
)
from tests.proof import FULL, SEED, Proof, rounds
from tests.stories import PHONE

CASES = rounds(2_000)
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
        "tokens:read",
        "tokens:write",
        "tokens:public",
        "users:read",
        "users:write",
    ],
    # The key of an environment, which the world has.
    "signer": ["tokens:public", "integrations:read"],
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
def known(world: World) -> dict[str, list[str]]:
    """What there is, by the parameter that names it, so that not every id is an absent one."""
    own = world.shop.organization
    makers = (placed, awaiting_payment, awaiting_approval, parked)
    # An environment and a variable are called like their project.
    slugs = [a_project(own) for _ in range(3)]
    return {
        "order_id": [str(maker(world.shop).pk) for maker in makers for _ in range(3)],
        "workflow_id": [a_user_change(own) for _ in range(3)],
        "token_id": [maker(own) for maker in (a_personal_token, an_organization_token) for _ in range(3)],
        "user_id": [a_member(own) for _ in range(3)],
        "invitation_id": [an_invitation(own) for _ in range(3)],
        "identifier": [an_integration(own) for _ in range(3)],
        "project": slugs,
        "environment": slugs,
        "name": slugs,
    }


def _key(world: World, role: str) -> str:
    organization = world.shop.organization
    if role == "nobody":
        return ""
    if role == "signer":
        return world.signer
    if role == "owner":
        # The one whose personal tokens there are.
        person = Membership.objects.filter(organization=organization, role=Role.OWNER).earliest("id").user
    else:
        person = build_person(organization=organization, groups=[role])
    return build_key(owner=person, organization=organization, scopes=ROLES[role])


def _name_what_there_is(case: Any, known: dict[str, list[str]], number: int) -> None:
    """Put ids into the address that are somebody's; all three names of a variable belong together."""
    given = case.path_parameters or {}
    case.path_parameters = {
        name: known[name][number % len(known[name])] if name in known else value
        for name, value in given.items()
    }
    if case.operation.label.endswith("/result"):
        # Nothing runs these changes, so waiting for their end is in vain.
        case.query = {**(case.query or {}), "wait": 0}


@pytest.mark.prove
@pytest.mark.parametrize("role", ROLES)
def test_every_answer_is_a_documented_one(
    role: str, world: World, schema: Any, known: dict[str, list[str]], proof: Proof
) -> None:
    key = _key(world, role)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    called: Counter[str] = Counter()
    answered: Counter[int] = Counter()
    # Without the addresses that ask nobody who calls.
    closed: set[int] = set()
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
    @given(case=generated, number=st.none() | st.integers(0, 11), alone=st.integers(0, 3))
    def call(case: Any, number: int | None, alone: int) -> None:
        if number is not None:
            _name_what_there_is(case, known, number)
        if alone and case.headers:
            # Nearly every made-up organisation is unknown, and the simplest made-up keys come again with
            # another body; both would hide all that comes after.
            hiding = {"X-Organization"} if alone == 1 else {"X-Organization", "Idempotency-Key"}
            case.headers = {name: value for name, value in case.headers.items() if name not in hiding}
        if alone > 1 and case.operation.label == "POST /api/v1/orders" and isinstance(case.body, dict):
            # No made-up SKU exists, and no made-up amount is right.
            kept = case.body.items() if alone == 2 else ()
            case.body = {**{name: value for name, value in kept if name != "amount"}, "items": [PHONE]}
        answer = case.call(headers=headers)
        called[case.operation.label] += 1
        answered[answer.status_code] += 1
        if case.operation.label not in OPEN:
            closed.add(answer.status_code)
        case.validate_response(answer, checks=CHECKS)

    call()
    proof.note(cases=sum(called.values()), statuses=dict(sorted(answered.items())))
    assert called
    # Which addresses and answers turn up among a few cases is chance; among many it is not.
    if FULL:
        assert len(called) == len(endpoints()) + len(OPEN), called
        assert (201 in closed) == (role in ("operator", "owner", "signer")), answered
        assert (closed <= {400, 401, 404}) == (not key), answered
