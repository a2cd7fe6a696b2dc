"""The process of one order, from its first wait to completion or back.

Position and time only: every step answers from the rows what comes next, so that a run that starts again
from the top (after a parked step, or by `reconcile`) walks through what is done and goes on from there.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID

from temporalio import workflow
from temporalio.exceptions import ActivityError, ChildWorkflowError, FailureError

with workflow.unsafe.imports_passed_through():
    from workflows.orders.contracts import (
        Activity,
        Advanced,
        Contract,
        FailedStep,
        OrderAtStep,
        OrderRef,
        OrderResult,
        OrderStart,
        Parked,
        PaymentRef,
        ShipmentRef,
        StepTaken,
        order_workflow_id,
        shipment_workflow_id,
    )
    from workflows.runtime.policies import (
        COMPENSATION,
        LOCAL_COMPENSATION,
        LOCAL_STEP,
        OUTSIDE_CALL,
        STEPS_AT_ONCE,
    )
    from workflows.runtime.saga import Saga, StepFailure, failure_of, is_given_up

# A deadline is judged by the database's clock; this keeps a skewed timer from asking in a tight loop.
_SHORTEST_SLEEP = timedelta(milliseconds=50)


# What brings an order on.
_FORWARD = ("payment", "charge", "shipping", "handover")


def _is_parallel(step: StepTaken) -> bool:
    """Tell whether the step is taken for several parcels at the same time."""
    return step.next == "shipping" and len(step.shipment_ids) > 1


@workflow.defn
class OrderFulfilmentWorkflow:
    """Decide, pay, ship, complete; undo everything where the order is given up before its pivot."""

    @workflow.init
    def __init__(self, order: OrderStart) -> None:
        self._order = OrderRef(order_id=order.order_id)
        self._first = order.first
        self._at_once = order.at_once
        self._saga = Saga()
        self._woken = False
        self._position = "starting"

    @workflow.run
    async def run(self, order: OrderStart) -> OrderResult:
        """Bring the order to its end; a cancel from Temporal becomes a committed row like any other."""
        process = asyncio.ensure_future(self._process())
        while not process.done():
            try:
                await workflow.wait([process])
            except asyncio.CancelledError:
                await self._cancel_by_row()
        return OrderResult(status=process.result().status)

    # --- Signals: facts that were committed before; they only wake ---------------------------------

    @workflow.signal
    def approval_decided(self) -> None:
        """A decision row was committed."""
        self._woken = True

    @workflow.signal
    def payment_requested(self) -> None:
        """A payment row was committed."""
        self._woken = True

    @workflow.signal
    def cancel_requested(self) -> None:
        """An abort row was committed."""
        self._woken = True

    @workflow.signal
    def retry_requested(self) -> None:
        """An operator asked for the parked steps."""
        self._woken = True

    @workflow.query
    def position(self) -> str:
        """Tell which step the order is at."""
        return self._position

    # --- The process -----------------------------------------------------------------------------

    async def _process(self) -> StepTaken:
        step = await self._fulfil_or_park()
        if step.next != "unwind":
            return step
        await self._unwind()
        return await self._local(Activity.CLOSE_ORDER)

    async def _fulfil_or_park(self) -> StepTaken:
        """Walk forward; after a step that failed for good and an operator's retry, walk from the top."""
        while True:
            try:
                return await self._fulfil()
            except FailureError as error:
                await self._attend((failure_of(self._position, error),), forward=True)

    async def _fulfil(self) -> StepTaken:
        self._saga = Saga()
        self._saga.register("release_stock", self._release_stock)
        # The goods have been held since the order was placed. Only a later walk asks where the order stands.
        step, self._first = self._first or await self._reserve(), None
        if step.next == "approval":
            step = await self._wait(Activity.SETTLE_APPROVAL, step)
        if step.next in ("payment", "charge"):
            self._saga.register("refund_payment", self._refund_payment)
        while step.next in _FORWARD:
            step = await self._advance(step)
        return step

    async def _reserve(self) -> StepTaken:
        """Ask where the order stands; one that was parked before this run began waits for its operator."""
        step = await self._local(Activity.RESERVE_STOCK)
        while step.next == "attention":
            step = await self._local(Activity.SETTLE_RETRY)
            if step.next == "attention":
                await self._wait(Activity.SETTLE_RETRY, step)
            step = await self._local(Activity.RESERVE_STOCK)
        return step

    async def _advance(self, step: StepTaken) -> StepTaken:
        """Wait for a payment, or go on: at once with all that needs no waiting, else by one step."""
        if step.next == "payment":
            return await self._wait(Activity.SETTLE_PAYMENT, step)
        if self._at_once and not _is_parallel(step):
            advanced = await self._take_at_once(step)
            if not advanced.failed:
                return advanced.step
            step = advanced.step
        if step.next == "charge" and step.payment_id is not None:
            return await self._outside(Activity.CHARGE_PAYMENT, PaymentRef(payment_id=step.payment_id))
        if step.next == "shipping":
            return await self._ship(step.shipment_ids)
        return await self._hand_over(step.shipment_ids)

    async def _take_at_once(self, step: StepTaken) -> Advanced:
        """Take steps in one activity; where it failed as a whole, ended by hand, its first step is next."""
        self._at("fulfilling")
        try:
            advanced: Advanced = await workflow.execute_activity(
                Activity.ADVANCE_ORDER,
                OrderAtStep(order_id=self._order.order_id, step=step),
                result_type=Advanced,
                **STEPS_AT_ONCE,
            )
        except ActivityError:
            return Advanced(step=step, shipment_ids=step.shipment_ids, failed=Activity.ADVANCE_ORDER)
        if advanced.step.next != "done":
            self._register_labels(advanced.shipment_ids)
        return advanced

    def _register_labels(self, shipment_ids: tuple[UUID, ...]) -> None:
        for shipment_id in shipment_ids:
            if (name := f"void_label:{shipment_id}") not in self._saga.pending:
                self._saga.register(name, self._void_label(shipment_id))

    async def _ship(self, shipment_ids: tuple[UUID, ...]) -> StepTaken:
        """Get a label for each parcel, in parallel: the first one inside this run, a child for each further.

        Whoever writes the last label passes the point of no return with it, so one of the answers tells. A
        failure waits for the others to end: a walk from the top starts their children again.
        """
        self._register_labels(shipment_ids)
        first, *others = (ShipmentRef(shipment_id=shipment_id) for shipment_id in shipment_ids)
        answers = await asyncio.gather(
            self._outside(Activity.CREATE_LABEL, first),
            *(self._ship_by_child(shipment) for shipment in others),
            return_exceptions=True,
        )
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        return next(step for step in answers if isinstance(step, StepTaken) and step.next != "shipping")

    async def _ship_by_child(self, shipment: ShipmentRef) -> StepTaken:
        self._at("ship")
        try:
            return await workflow.execute_child_workflow(
                ShipmentWorkflow.run, shipment, id=shipment_workflow_id(shipment.shipment_id)
            )
        except ChildWorkflowError as error:
            if is_given_up(error):
                raise
            # Terminated or failed by hand: the rows tell whether its label exists.
            return await self._local(Activity.FAIL_SHIPMENT, shipment)

    async def _hand_over(self, shipment_ids: tuple[UUID, ...]) -> StepTaken:
        """After the pivot there is only forward: what a carrier refuses waits for an operator."""
        self._saga.forget()
        waiting = shipment_ids
        while True:
            answers = await asyncio.gather(*(self._try_hand_over(shipment_id) for shipment_id in waiting))
            refused = {s: a for s, a in zip(waiting, answers, strict=True) if isinstance(a, StepFailure)}
            if not refused:
                return next(a for a in answers if isinstance(a, StepTaken) and a.next == "done")
            await self._attend(tuple(refused.values()))
            waiting = tuple(refused)

    async def _try_hand_over(self, shipment_id: UUID) -> StepTaken | StepFailure:
        self._at(Activity.HAND_OVER_SHIPMENT)
        try:
            step: StepTaken = await workflow.execute_activity(
                Activity.HAND_OVER_SHIPMENT,
                ShipmentRef(shipment_id=shipment_id),
                result_type=StepTaken,
                **OUTSIDE_CALL,
            )
        except ActivityError as error:
            return failure_of(f"hand_over:{shipment_id}", error)
        return step

    # --- Compensation ----------------------------------------------------------------------------

    async def _unwind(self) -> None:
        """Undo in reverse; what keeps failing waits for an operator while the others are done."""
        self._at("unwind")
        while failures := await self._saga.compensate():
            await self._attend(failures)
            self._at("unwind")

    async def _release_stock(self) -> None:
        await workflow.execute_local_activity(Activity.RELEASE_STOCK, self._order, **LOCAL_COMPENSATION)

    async def _refund_payment(self) -> None:
        await workflow.execute_activity(Activity.REFUND_PAYMENT, self._order, **COMPENSATION)

    def _void_label(self, shipment_id: UUID) -> Callable[[], Awaitable[object]]:
        async def void() -> None:
            shipment = ShipmentRef(shipment_id=shipment_id)
            await workflow.execute_activity(Activity.VOID_LABEL, shipment, **COMPENSATION)

        return void

    # --- Waiting for people ----------------------------------------------------------------------

    async def _wait(self, pull: str, step: StepTaken) -> StepTaken:
        """Sleep until woken or the deadline; then read the rows, which alone tell what happened."""
        waiting_for = step.next
        while step.next == waiting_for:
            self._at(f"waiting for {waiting_for}")
            await self._sleep_until_woken(step)
            self._woken = False
            step = await self._local(pull)
        return step

    async def _sleep_until_woken(self, step: StepTaken) -> None:
        timeout = None
        if step.deadline is not None:
            timeout = max(step.deadline - workflow.now(), _SHORTEST_SLEEP)
        try:
            await workflow.wait_condition(lambda: self._woken, timeout=timeout)
        except TimeoutError:
            return

    async def _attend(self, failures: tuple[StepFailure, ...], *, forward: bool = False) -> None:
        """Park the failed steps and wait until an operator asks for a retry."""
        parked = Parked(
            order_id=self._order.order_id,
            failures=tuple(FailedStep.model_validate(failure) for failure in failures),
            forward=forward,
        )
        step = await self._local(Activity.PARK_ORDER, parked)
        await self._wait(Activity.SETTLE_RETRY, step)

    async def _cancel_by_row(self) -> None:
        try:
            await workflow.execute_local_activity(Activity.CANCEL_ORDER, self._order, **LOCAL_STEP)
        except FailureError:
            workflow.logger.info("a cancel came too late for %s", order_workflow_id(self._order.order_id))
        self._woken = True

    def _at(self, position: str) -> None:
        """Tell where the order is: to the query, and to Temporal's UI."""
        self._position = position
        workflow.set_current_details(position)

    # --- Calls -----------------------------------------------------------------------------------

    async def _local(self, name: str, argument: Contract | None = None) -> StepTaken:
        self._at(name)
        step: StepTaken = await workflow.execute_local_activity(
            name, argument or self._order, result_type=StepTaken, **LOCAL_STEP
        )
        return step

    async def _outside(self, name: str, argument: Contract) -> StepTaken:
        self._at(name)
        step: StepTaken = await workflow.execute_activity(
            name, argument, result_type=StepTaken, **OUTSIDE_CALL
        )
        return step


@workflow.defn
class ShipmentWorkflow:
    """Make one parcel of an order ready: its label. It ends as ready, or with the order given up."""

    @workflow.run
    async def run(self, shipment: ShipmentRef) -> StepTaken:
        """Return the step that the order takes next because of this parcel."""
        step: StepTaken = await workflow.execute_activity(
            Activity.CREATE_LABEL, shipment, result_type=StepTaken, **OUTSIDE_CALL
        )
        return step
