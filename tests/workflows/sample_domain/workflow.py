"""Workflows of the sample domain."""

import asyncio

from temporalio import workflow
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from tests.workflows.sample_domain.contracts import (
        BACKEND_PID,
        REFUSE,
        STEPS,
        TAKE_STEP,
        UNDO_STEP,
        Done,
        Pid,
        Refusal,
        Step,
        Subject,
    )
    from workflows.runtime.policies import COMPENSATION, LOCAL_STEP, OUTSIDE_CALL
    from workflows.runtime.saga import Saga, StepFailure, failure_of


@workflow.defn
class SampleWorkflow:
    """Takes three steps, waits, undoes them; parks what cannot be undone until it is told to try again."""

    @workflow.init
    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._saga = Saga()
        self._go_back = False
        self._retry = False
        self._parked: tuple[StepFailure, ...] = ()

    @workflow.run
    async def run(self, subject: Subject) -> Done:
        """Take the steps and undo them."""
        for step in STEPS:
            call = Step(subject_id=subject.subject_id, step=step)
            self._saga.register(step, lambda call=call: self._undo(call))  # type: ignore[misc]
            await workflow.execute_local_activity(TAKE_STEP, call, **LOCAL_STEP)
        try:
            await workflow.wait_condition(lambda: self._go_back)
        except asyncio.CancelledError:
            self._go_back = True
        rounds = [await self._saga.compensate()]
        while rounds[-1]:
            self._parked, self._retry = rounds[-1], False
            await workflow.wait_condition(lambda: self._retry)
            rounds.append(await self._saga.compensate())
        return Done(rounds=tuple(rounds), cancelled=workflow.cancellation_reason() is not None)

    async def _undo(self, call: Step) -> None:
        await workflow.execute_activity(UNDO_STEP, call, **COMPENSATION)

    @workflow.signal
    def go_back(self) -> None:
        """The steps are to be undone."""
        self._go_back = True

    @workflow.signal
    def retry_requested(self) -> None:
        """The parked ones are to be tried again."""
        self._retry = True

    @workflow.query
    def parked(self) -> tuple[StepFailure, ...]:
        """Return what is parked."""
        return self._parked


@workflow.defn
class PidWorkflow:
    """Runs one database activity."""

    @workflow.run
    async def run(self, subject: Subject) -> Pid:
        """Return the activity's connection."""
        pid: Pid = await workflow.execute_activity(BACKEND_PID, subject, result_type=Pid, **OUTSIDE_CALL)
        return pid


@workflow.defn
class RefusedWorkflow:
    """Runs a step whose service refuses, then waits for a signal."""

    def __init__(self) -> None:
        self._go_on = False

    @workflow.run
    async def run(self, subject: Subject) -> Refusal:
        """Return how the refusal looks to a workflow."""
        try:
            await workflow.execute_local_activity(REFUSE, subject, **LOCAL_STEP)
        except FailureError as error:
            refusal = Refusal(kind=type(error).__name__, failure=failure_of("refuse", error))
        await workflow.wait_condition(lambda: self._go_on)
        return refusal

    @workflow.signal
    def go_on(self) -> None:
        """End."""
        self._go_on = True
