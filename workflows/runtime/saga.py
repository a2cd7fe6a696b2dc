"""Compensation of steps already taken: in reverse, undisturbed by a cancel, parking what will not succeed."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.exceptions import ApplicationError, FailureError, TimeoutError, is_cancelled_exception

from workflows.runtime.policies import GIVEN_UP

T = TypeVar("T")
# Key of the attempt number in the details of an activity's ApplicationError; the worker writes it.
ATTEMPT = "attempt"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFailure:
    """A compensation that failed: tries so far (over all rounds), the code and text of the last error."""

    step: str
    attempts: int
    error_code: str
    message: str


class Saga:
    """The compensations of the steps taken so far.

    Register each one **before** its step: a step may have happened although it reported failure, and undoing
    what never happened is a no-op. A failing compensation stays registered; the others still run.
    """

    def __init__(self) -> None:
        self._undos: list[tuple[str, Callable[[], Awaitable[object]]]] = []
        self._attempts: dict[str, int] = {}

    @property
    def pending(self) -> tuple[str, ...]:
        """The steps whose compensation has not succeeded, in order of registration."""
        return tuple(step for step, _ in self._undos)

    def register(self, step: str, undo: Callable[[], Awaitable[object]]) -> None:
        """Add the compensation of a step that is about to be taken; `step` is unique in the saga."""
        if step in self.pending:
            raise ValueError(f"compensation {step} is registered already")
        self._undos.append((step, undo))

    def forget(self) -> None:
        """Drop all compensations: the point of no return is passed."""
        self._undos.clear()

    async def compensate(self) -> tuple[StepFailure, ...]:
        """Run what is registered in reverse and return the failures; call again to run only those.

        A cancel that arrives meanwhile does not disturb it; `workflow.cancellation_reason()` tells of it.
        """
        return await shielded(self._run())

    async def _run(self) -> tuple[StepFailure, ...]:
        failures = []
        for entry in reversed(tuple(self._undos)):
            step, undo = entry
            try:
                await undo()
            except FailureError as error:
                failures.append(self._failed(step, error))
            else:
                self._undos.remove(entry)
        return tuple(failures)

    def _failed(self, step: str, error: FailureError) -> StepFailure:
        failure = failure_of(step, error)
        self._attempts[step] = self._attempts.get(step, 0) + failure.attempts
        failure = replace(failure, attempts=self._attempts[step])
        workflow.logger.error(
            "compensation %s failed after %d attempts: %s", step, failure.attempts, failure.error_code
        )
        return failure


async def shielded(work: Coroutine[Any, Any, T]) -> T:
    """Await `work` to its end although the workflow may be cancelled meanwhile.

    The cancel is swallowed here; look at `workflow.cancellation_reason()` afterwards. An eviction from the
    cache cancels `work` as well, so this loop ends then too.
    """
    task = asyncio.ensure_future(work)
    while not task.done():
        try:
            await workflow.wait([task])
        except asyncio.CancelledError:
            continue
    return task.result()


def failure_of(step: str, error: FailureError) -> StepFailure:
    """Return how a step of its own (no compensation) failed for good."""
    root = _root(error)
    return StepFailure(step=step, attempts=_attempts(root), error_code=_code(root), message=_message(root))


def _root(error: FailureError) -> BaseException:
    """Return the failure that the activity or child itself reported."""
    cause: BaseException = error
    while isinstance(cause, FailureError) and cause.cause is not None:
        if isinstance(cause, ApplicationError | TimeoutError) and not _says_given_up(cause):
            break
        cause = cause.cause
    return cause


def _attempts(root: BaseException) -> int:
    if isinstance(root, ApplicationError):
        for detail in root.details:
            if isinstance(detail, dict) and isinstance(detail.get(ATTEMPT), int):
                return int(detail[ATTEMPT])
    return 1


def is_given_up(error: FailureError) -> bool:
    """Tell whether a step failed because its tries were used up: it was neither refused nor ended by hand."""
    cause: BaseException | None = error
    while cause is not None and not _says_given_up(cause):
        cause = cause.cause if isinstance(cause, FailureError) else None
    return cause is not None


def _says_given_up(error: BaseException) -> bool:
    """The step's last failure is the cause of what says so."""
    return isinstance(error, ApplicationError) and error.type == GIVEN_UP


def _code(root: BaseException) -> str:
    if isinstance(root, ApplicationError):
        return root.type or "error"
    if isinstance(root, TimeoutError):
        return "timeout"
    return "cancelled" if is_cancelled_exception(root) else type(root).__name__


def _message(root: BaseException) -> str:
    return root.message if isinstance(root, FailureError) else str(root)
