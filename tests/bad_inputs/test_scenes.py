"""Every row about what is in the database: a good request, refused for that, and nothing written."""

from typing import Any

import pytest

from tests.bad_inputs import staging_orders, staging_people
from tests.bad_inputs.answers import check_problem
from tests.bad_inputs.cases.rows import As, Scene
from tests.bad_inputs.cases.scenes import SCENES
from tests.bad_inputs.staging import ENDPOINTS, MAKERS, Ready
from tests.bad_inputs.surface import Endpoint
from tests.bad_inputs.world import (
    World,
    changed,
    written,
)

__all__ = ["staging_orders", "staging_people"]
pytestmark = pytest.mark.usefixtures("short_waits")


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, id=f"{case.id}-{case.endpoint}-{case.scene}".replace(" ", "-")) for case in SCENES],
)
def test_good_request_is_refused(world: World, case: Scene, caplog: pytest.LogCaptureFixture) -> None:
    endpoint = ENDPOINTS[case.endpoint]
    with MAKERS[case.scene](world, endpoint) as ready:
        answer_at = _measured(world, endpoint, ready, case)
        body = check_problem(
            answer_at,
            case,
            status=case.status,
            pointer=case.pointer,
            log=caplog if case.scene != "database down" else _Deaf(),  # type: ignore[arg-type]
        )
    assert set(case.tells) <= set(body.get("details", {}))
    assert ("Retry-After" in answer_at) == case.retry_after


class _Deaf:
    """A database that is away is worth an error in the log."""

    records = ()


def _measured(world: World, endpoint: Endpoint, ready: Ready, case: Scene) -> Any:
    """Send the request; whatever it did to the database, but for the count of refusals, fails the test."""
    if case.scene == "database down":
        return world.send(endpoint, ready.sent, order=ready.order)
    before = written()
    caller = As.NOBODY if ready.client else As.GOOD
    answer = world.send(endpoint, ready.sent, caller, order=ready.order, client=ready.client)
    assert changed(before) == {case.counted_in} - {""}
    return answer


def test_every_scene_is_prepared_and_every_preparation_used() -> None:
    assert {case.scene for case in SCENES} == set(MAKERS)
