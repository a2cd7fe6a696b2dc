"""What holds between orders and their runs (I19)."""

from collections.abc import Iterator
from datetime import timedelta

from django.utils.translation import gettext_lazy as _

from holo.common.errors import DomainError
from holo.common.verify import CouldNotCheckError, Rule
from workflows.orders.drift import list_lost_orders, list_stray_runs, list_stuck_runs
from workflows.runtime import client

# Temporal tries a workflow task again at once when a worker is lost; this often means that the code fails.
_STUCK_AFTER = 5


def _misfits(grace: timedelta) -> Iterator[str]:
    try:
        client.check_health()
        for lost in list_lost_orders():
            yield f"order {lost.order.order_id} ({lost.order.status}): run {lost.run_status}"
        for stray in list_stray_runs(grace):
            status = stray.order.status if stray.order else "absent"
            yield f"run {stray.run.workflow_id} is open: order {status}"
        for run in list_stuck_runs(attempts=_STUCK_AFTER):
            yield f"run {run.workflow_id}: its workflow task failed {run.task_attempts} times"
    except DomainError as error:
        raise CouldNotCheckError(error.message) from error


RULES = (
    Rule(
        id="I19",
        statement=_(
            "Each order under way has exactly one open run that gets on, and no other order has one."
        ),
        sql="orders that are not over, described in Temporal by id; open runs of OrderFulfilmentWorkflow,"
        " looked up in orders; attempts of the pending workflow task of each",
        find=_misfits,
        live=True,
    ),
)
