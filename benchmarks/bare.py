"""An order's shape in Temporal without the order: the same steps, signals and children, no database."""

import asyncio
from uuid import UUID

from temporalio import activity, workflow

with workflow.unsafe.imports_passed_through():
    from workflows.orders.contracts import OrderRef, ShipmentRef, StepTaken
    from workflows.runtime.policies import LOCAL_STEP, OUTSIDE_CALL

QUEUE = "bench-bare"
LOCAL, REMOTE = "bare_local", "bare_remote"


@activity.defn(name=LOCAL)
def local_step(_order: OrderRef) -> StepTaken:
    """Stand for a step in the database."""
    return StepTaken(next="done", status="completed")


@activity.defn(name=REMOTE)
def remote_step(_shipment: ShipmentRef) -> StepTaken:
    """Stand for a call to the outside."""
    return StepTaken(next="done", status="completed")


@workflow.defn
class BareShipment:
    """One remote step, as a parcel's label."""

    @workflow.run
    async def run(self, shipment: ShipmentRef) -> StepTaken:
        """Take the step."""
        step: StepTaken = await workflow.execute_activity(
            REMOTE, shipment, result_type=StepTaken, **OUTSIDE_CALL
        )
        return step


@workflow.defn
class BareOrder:
    """Reserve, wait for a signal, look, charge, labels, handovers: all empty."""

    def __init__(self) -> None:
        self._woken = False

    @workflow.signal
    def wake(self) -> None:
        """Stand for a committed payment."""
        self._woken = True

    @workflow.run
    async def run(self, order: OrderRef, parcels: int) -> StepTaken:
        """Walk through as an order with that many parcels does."""
        shipment = ShipmentRef(shipment_id=order.order_id)
        await self._local(order)
        await workflow.wait_condition(lambda: self._woken, timeout=1800)
        await self._local(order)
        await self._remote(shipment)
        await asyncio.gather(
            self._remote(shipment), *(self._child(shipment, order.order_id, n) for n in range(1, parcels))
        )
        handed_over: list[StepTaken] = await asyncio.gather(
            *(
                workflow.execute_activity(REMOTE, shipment, result_type=StepTaken, **OUTSIDE_CALL)
                for _ in range(parcels)
            )
        )
        return handed_over[-1]

    async def _local(self, order: OrderRef) -> StepTaken:
        step: StepTaken = await workflow.execute_local_activity(
            LOCAL, order, result_type=StepTaken, **LOCAL_STEP
        )
        return step

    async def _remote(self, shipment: ShipmentRef) -> StepTaken:
        step: StepTaken = await workflow.execute_activity(
            REMOTE, shipment, result_type=StepTaken, **OUTSIDE_CALL
        )
        return step

    async def _child(self, shipment: ShipmentRef, order_id: UUID, number: int) -> StepTaken:
        return await workflow.execute_child_workflow(
            BareShipment.run, shipment, id=f"bare-{order_id}-{number}"
        )
