"""Workers killed at each step and each compensation, before and after each commit and before the report."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from holo.stack.postgres import PostgresServer
from holo.stack.temporal_server import TemporalServer
from holo.stack.valkey import ValkeyServer
from tests.chaos.drivers import run_cases
from tests.chaos.steps import BEFORE_REPORT, SERVICES, Interruption, points_of
from tests.proof import Proof, sample
from workflows.orders.contracts import Activity as A

# Which branch takes a worker to which steps; together all that there are. A parcel's steps are killed in the
# order's own run and in a child's.
STEPS: Mapping[str, tuple[str, ...]] = {
    "paid": (A.SETTLE_PAYMENT, A.ADVANCE_ORDER),
    "charge-taken-alone": (A.CHARGE_PAYMENT,),
    # An earlier version placed it, so that its process is the one to look for stock.
    "out-of-stock": (A.RESERVE_STOCK,),
    "two-parcels": (A.CREATE_LABEL,),
    "approved": (A.SETTLE_APPROVAL,),
    "one-of-two-parcels-refused": (A.VOID_LABEL, A.REFUND_PAYMENT, A.RELEASE_STOCK, A.CLOSE_ORDER),
    "cancelled-in-temporal": (A.CANCEL_ORDER,),
    "parcel-ended-by-hand": (A.FAIL_SHIPMENT,),
    "handover-parked": (A.PARK_ORDER, A.SETTLE_RETRY, A.HAND_OVER_SHIPMENT),
}
# Steps that are taken at once with others, on branches that do not get to all of them.
AT_ONCE: Mapping[str, str] = {"declined-once": A.CHARGE_PAYMENT, "refused-parcel": A.CREATE_LABEL}
CASES = [
    Interruption(branch=branch, activity=activity, point=point)
    for branch, activities in STEPS.items()
    for activity in activities
    for point in points_of(activity)
] + [
    Interruption(branch=branch, activity=A.ADVANCE_ORDER, point=point)
    for branch, step in AT_ONCE.items()
    for point in points_of(step)
    if not point.endswith(BEFORE_REPORT)
]


@pytest.mark.pure
def test_every_step_of_the_code_is_in_the_matrix() -> None:
    assert {activity for activities in STEPS.values() for activity in activities} == set(SERVICES)


@pytest.mark.prove
def test_order_whose_worker_is_killed_ends_right(
    postgres: PostgresServer,
    temporal: TemporalServer,
    valkey: ValkeyServer,
    django_db_setup: None,
    tmp_path: Path,
    proof: Proof,
) -> None:
    """Within a minute, with the books of stock, gateway and carrier in agreement."""
    cases = sample(CASES, at_least=3)
    results = run_cases(cases, postgres=postgres, folder=tmp_path)
    wrong = [f"{r.branch}, {r.activity} at {r.point}: {r.problems}" for r in results if r.problems]
    assert wrong == []
    assert len(results) == len(cases)
    proof.note(
        cases=len(cases),
        of=len(CASES),
        points=[str(case) for case in cases],
        slowest_seconds=max(result.seconds for result in results),
    )
