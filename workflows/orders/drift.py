"""Where runs and orders do not fit together; each finding is confirmed by both sides as they are now."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from orders.drift import OrderState, find_states, list_open_orders
from workflows.orders.contracts import order_workflow_id
from workflows.orders.workflow import OrderFulfilmentWorkflow
from workflows.runtime.runs import Run, find_runs, list_open_runs

_PREFIX = order_workflow_id("")


@dataclass(frozen=True, slots=True, kw_only=True)
class LostOrder:
    """An order under way whose run is not open; `run` is the last one, None if Temporal knows of none."""

    order: OrderState
    run: Run | None

    @property
    def run_status(self) -> str:
        """How the run ended."""
        return self.run.status.lower() if self.run else "absent"


@dataclass(frozen=True, slots=True, kw_only=True)
class StrayRun:
    """An open run whose order is over, or does not exist (`order` None)."""

    run: Run
    order: OrderState | None


def list_lost_orders() -> Iterator[LostOrder]:
    """Yield the orders under way without an open run.

    The order is read again after Temporal has answered: a run ends after its order has.
    """
    for batch in list_open_orders():
        runs = find_runs([order_workflow_id(order.order_id) for order in batch])
        suspects = [order for order in batch if not _is_open(runs, order.order_id)]
        now = find_states([order.order_id for order in suspects])
        for order in now.values():
            if not order.is_over:
                yield LostOrder(order=order, run=runs.get(order_workflow_id(order.order_id)))


def list_stray_runs(grace: timedelta) -> Iterator[StrayRun]:
    """Yield the open runs without an order under way; a run may end up to `grace` after its order.

    An order is committed before its run is started, so one that is not there never was.
    """
    latest = datetime.now(tz=UTC) - grace
    for page in list_open_runs(OrderFulfilmentWorkflow):
        orders = find_states([order_id for run in page if (order_id := order_id_of(run))])
        suspects = [run for run in page if _is_stray(orders.get(order_id_of(run) or UUID(int=0)), latest)]
        runs = find_runs([run.workflow_id for run in suspects])
        for run in runs.values():
            if run.is_open:
                yield StrayRun(run=run, order=orders.get(order_id_of(run) or UUID(int=0)))


def list_stuck_runs(*, attempts: int) -> Iterator[Run]:
    """Yield the open runs of orders under way whose workflow task was tried `attempts` times or more."""
    for batch in list_open_orders():
        for run in find_runs([order_workflow_id(order.order_id) for order in batch]).values():
            if run.is_open and run.task_attempts >= attempts:
                yield run


def is_running(order_id: UUID) -> bool:
    """Tell whether the order has an open run."""
    workflow_id = order_workflow_id(order_id)
    return _is_open(find_runs([workflow_id]), order_id)


def order_id_of(run: Run) -> UUID | None:
    """Return the order that a run is of by its id, None for an id that names none."""
    try:
        return UUID(run.workflow_id.removeprefix(_PREFIX))
    except ValueError:
        return None


def _is_open(runs: dict[str, Run], order_id: UUID) -> bool:
    run = runs.get(order_workflow_id(order_id))
    return run is not None and run.is_open


def _is_stray(order: OrderState | None, latest: datetime) -> bool:
    return order is None or (order.is_over and order.changed_at <= latest)
