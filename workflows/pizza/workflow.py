"""The process of one pizza order, from bill to receipt, or back.

Position and time only: what an order is and what became of it is in the repository.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, FailureError

with workflow.unsafe.imports_passed_through():
    from workflows.pizza.contracts import Activity, Bill, Charge, OrderRef, Outcome, Status
    from workflows.runtime.policies import COMPENSATION, LOCAL_STEP, OUTSIDE_CALL
    from workflows.runtime.saga import Saga, StepFailure, failure_of

# How long a refund that keeps failing rests before it is tried again without anybody asking.
_RETRY_AFTER = timedelta(days=1)


@workflow.defn
class PizzaOrderWorkflow:
    """Bill, charge, bake, deliver; pay back where it does not come to the delivery."""

    @workflow.init
    def __init__(self, order: OrderRef) -> None:
        self._order = order
        self._saga = Saga()
        self._cancelled = False
        self._retry = False
        self._position = "starting"

    @workflow.run
    async def run(self, order: OrderRef) -> Outcome:
        """Bring the order to its end; a cancel from Temporal is one like any other."""
        process = asyncio.ensure_future(self._process())
        while not process.done():
            try:
                await workflow.wait([process])
            except asyncio.CancelledError:
                self._cancelled = True
        return process.result()

    @workflow.signal
    def cancel(self) -> None:
        """The customer wants it no more; looked for before each step until the delivery is under way."""
        self._cancelled = True

    @workflow.signal
    def retry(self) -> None:
        """A person has seen to what kept a refund from succeeding."""
        self._retry = True

    @workflow.query
    def status(self) -> str:
        """Tell which step the order is at."""
        return self._position

    # --- The process -----------------------------------------------------------------------------

    async def _process(self) -> Outcome:
        status, detail = await self._try_to_make()
        if status is not Status.COMPLETED:
            await self._pay_back()
        outcome = Outcome(order_id=self._order.order_id, status=status, detail=detail)
        await self._record(outcome)
        await self._notify(outcome)
        self._position = status.value
        return outcome

    async def _try_to_make(self) -> tuple[Status, str]:
        try:
            return await self._make(), ""
        except FailureError as error:
            # Refused for good: whatever had happened by then is undone.
            failure = failure_of(self._position, error)
            return Status.FAILED, f"{failure.step}: {failure.error_code}"

    async def _make(self) -> Status:
        bill = await self._calculate_bill()
        if self._cancelled:
            return Status.CANCELLED
        if not await self._charge(bill):
            return Status.DECLINED
        await self._bake()
        if self._cancelled:
            return Status.CANCELLED
        # The point of no return: a delivery that was taken on cannot be called back.
        return Status.COMPLETED if await self._deliver() else Status.UNDELIVERABLE

    async def _calculate_bill(self) -> Bill:
        self._position = Activity.CALCULATE_BILL
        bill: Bill = await workflow.execute_local_activity(
            Activity.CALCULATE_BILL, self._order, result_type=Bill, **LOCAL_STEP
        )
        return bill

    async def _charge(self, bill: Bill) -> bool:
        self._position = Activity.CHARGE_PAYMENT
        # Before the charge, which may have happened although its answer was lost.
        self._saga.register(Activity.REFUND_PAYMENT, self._refund)
        charge = Charge(order_id=self._order.order_id, bill=bill)
        captured: bool = await workflow.execute_activity(
            Activity.CHARGE_PAYMENT, charge, result_type=bool, **OUTSIDE_CALL
        )
        if not captured:
            self._saga.forget()
        return captured

    async def _bake(self) -> None:
        self._position = "baking"
        await _wait(lambda: self._cancelled, timedelta(seconds=self._order.baking_seconds))

    async def _deliver(self) -> bool:
        self._position = Activity.SCHEDULE_DELIVERY
        taken: bool = await workflow.execute_activity(
            Activity.SCHEDULE_DELIVERY, self._order, result_type=bool, **OUTSIDE_CALL
        )
        return taken

    # --- Compensation ----------------------------------------------------------------------------

    async def _refund(self) -> None:
        self._position = Activity.REFUND_PAYMENT
        await workflow.execute_activity(Activity.REFUND_PAYMENT, self._order, **COMPENSATION)

    async def _pay_back(self) -> None:
        """Undo; what keeps failing is noted and waits for a person, or for another day."""
        while failures := await self._saga.compensate():
            await self._park(failures)

    async def _park(self, failures: tuple[StepFailure, ...]) -> None:
        detail = ", ".join(f"{failure.step}: {failure.error_code}" for failure in failures)
        outcome = Outcome(order_id=self._order.order_id, status=Status.NEEDS_ATTENTION, detail=detail)
        await self._record(outcome)
        self._position = "waiting for retry"
        await _wait(lambda: self._retry, _RETRY_AFTER)
        self._retry = False

    # --- The end ---------------------------------------------------------------------------------

    async def _record(self, outcome: Outcome) -> None:
        self._position = Activity.RECORD_OUTCOME
        await workflow.execute_local_activity(Activity.RECORD_OUTCOME, outcome, **LOCAL_STEP)

    async def _notify(self, outcome: Outcome) -> None:
        """Tell the customer; that this fails changes nothing about the order."""
        self._position = Activity.NOTIFY_CUSTOMER
        try:
            await workflow.execute_activity(Activity.NOTIFY_CUSTOMER, self._order, **COMPENSATION)
        except ActivityError:
            workflow.logger.warning("no notification about %s", outcome.order_id)


async def _wait(condition: Callable[[], bool], timeout: timedelta) -> None:
    try:
        await workflow.wait_condition(condition, timeout=timeout)
    except TimeoutError:
        return
