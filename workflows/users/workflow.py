"""The process of one change of a user: validate, write, notify; a create undoes itself where it must.

Position and time only: what is wanted of whom, and what became of it, is in the row.
"""

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, FailureError

with workflow.unsafe.imports_passed_through():
    from workflows.runtime.policies import LOCAL_COMPENSATION, LOCAL_STEP, USER_NOTICE, USER_STEP
    from workflows.runtime.saga import Saga, failure_of
    from workflows.users.contracts import Action, Activity, ChangeRef, Closing, Outcome, StepRef

# How long an undoing that keeps failing rests before it is tried again.
_RETRY_AFTER = timedelta(minutes=10)
_WRITES = {Action.UPDATE: Activity.UPDATE_USER, Action.DELETE: Activity.DELETE_USER}


@workflow.defn
class UserWorkflow:
    """Create, update or delete one user."""

    @workflow.init
    def __init__(self, change: ChangeRef) -> None:
        self._change = change
        self._step = StepRef(change_id=change.change_id, run_id=workflow.info().run_id)
        self._saga = Saga()
        self._cancelled = False
        self._position = "starting"

    @workflow.run
    async def run(self, change: ChangeRef) -> Outcome:
        """Bring the change to its end; a cancel from Temporal is one like any other."""
        process = asyncio.ensure_future(self._process())
        while not process.done():
            try:
                await workflow.wait([process])
            except asyncio.CancelledError:
                self._cancelled = True
        return process.result()

    @workflow.signal
    def cancel(self) -> None:
        """Somebody wants it undone; the row says so too, and each step looks there."""
        self._cancelled = True

    @workflow.query
    def status(self) -> str:
        """Tell which step the change is at."""
        return self._position

    # --- The process -----------------------------------------------------------------------------

    async def _process(self) -> Outcome:
        succeeded, code = await self._try()
        if succeeded:
            await self._notify()
        else:
            await self._undo()
            await self._close(code)
        self._position = "done"
        return Outcome(change_id=self._change.change_id, succeeded=succeeded, code=code)

    async def _try(self) -> tuple[bool, str]:
        """Return whether the change came about, and the code of what was in the way; none for a cancel."""
        try:
            return await self._write(), ""
        except FailureError as error:
            return False, failure_of(self._position, error).error_code

    async def _write(self) -> bool:
        if not await self._take(Activity.VALIDATE_USER):
            return False
        if self._change.action is not Action.CREATE:
            return await self._take(_WRITES[self._change.action])
        self._saga.register(Activity.DISCARD_USER, self._discard)
        return await self._take(Activity.CREATE_USER) and await self._take(Activity.COMPLETE_USER_CHANGE)

    async def _take(self, step: Activity) -> bool:
        """Take one step unless the change is cancelled; return whether to go on."""
        if self._cancelled:
            return False
        self._position = step
        goes_on: bool = await workflow.execute_local_activity(step, self._step, result_type=bool, **USER_STEP)
        return goes_on

    async def _notify(self) -> None:
        """Tell the person; that this fails changes nothing about the change."""
        self._position = Activity.SEND_NOTIFICATION
        try:
            await workflow.execute_activity(Activity.SEND_NOTIFICATION, self._step, **USER_NOTICE)
        except ActivityError:
            await workflow.execute_local_activity(Activity.RECORD_UNSENT, self._step, **LOCAL_STEP)

    # --- Compensation ----------------------------------------------------------------------------

    async def _undo(self) -> None:
        while await self._saga.compensate():
            self._position = "waiting to undo"
            await workflow.sleep(_RETRY_AFTER)

    async def _discard(self) -> None:
        self._position = Activity.DISCARD_USER
        await workflow.execute_local_activity(Activity.DISCARD_USER, self._step, **LOCAL_COMPENSATION)

    async def _close(self, code: str) -> None:
        self._position = Activity.CLOSE_USER_CHANGE
        closing = Closing(change_id=self._change.change_id, code=code)
        await workflow.execute_local_activity(Activity.CLOSE_USER_CHANGE, closing, **LOCAL_STEP)
