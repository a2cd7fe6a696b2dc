"""What surrounds every activity: fresh database connections, translated errors, log context, counts."""

import functools
import inspect
import logging
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from django.db import DatabaseError, InterfaceError, OperationalError, close_old_connections
from temporalio import activity, client, worker, workflow
from temporalio.api.common.v1 import Payload
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory, FailureError

from holo.common.characters import escaped
from holo.common.context import bound, request_id
from holo.common.crash import crash_point
from holo.common.db import sqlstate
from holo.common.errors import DomainError, OutageError
from holo.common.logs import error_text
from holo.common.outside_calls import PortBusyError
from workflows.runtime.in_hand import in_hand
from workflows.runtime.metrics import count_activity
from workflows.runtime.policies import ATTEMPTS, GIVEN_UP
from workflows.runtime.saga import ATTEMPT

logger = logging.getLogger(__name__)

_HEADER = "holo-request-id"
# Classes of SQLSTATE that say the server is away, starting or full; an empty one means no answer at all.
_OUTAGE = ("08", "53", "57", "")
# Characters of an error's text that Temporal keeps.
_LONGEST, _LONGEST_CODE = 500, 100
# The type of the error by which a step says that its partner has no place for it now.
BUSY = "busy"
_OUTAGE_DELAYS = (0.5, 1.0, 2.0, 4.0, 8.0)


class ActivityInterceptor(worker.Interceptor):
    """Wraps activities; give it to the worker."""

    def intercept_activity(
        self, next: worker.ActivityInboundInterceptor
    ) -> worker.ActivityInboundInterceptor:
        """Put the wrapper before the activity."""
        return _Activity(next)


class _Activity(worker.ActivityInboundInterceptor):
    async def execute_activity(self, input: worker.ExecuteActivityInput) -> Any:
        """Run the activity with its context bound, counted by outcome."""
        if not inspect.iscoroutinefunction(input.fn):
            input.fn = _with_fresh_connections(input.fn, activity.info().activity_type)
        info = activity.info()
        names = {"workflow_id": info.workflow_id or "", "activity": info.activity_type}
        names |= _ids_of(input.args) | {"request_id": _read(input.headers)}
        with bound(**names):
            try:
                with in_hand(info):
                    result = await super().execute_activity(input)
            except Exception as error:
                translated = _translated(error, attempt=info.attempt, tries=_tries_failed())
                count_activity(info.activity_type, _outcome(translated))
                if translated is error:
                    raise
                # Without `error`: the text of a database error holds values of the row.
                raise translated from translated.__cause__
            except BaseException:
                count_activity(info.activity_type, "cancelled")
                raise
        count_activity(info.activity_type, "completed")
        return result


def _with_fresh_connections(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Drop stale connections in the thread that runs the activity; Django keeps them per thread."""

    @functools.wraps(function)
    def in_thread(*args: Any) -> Any:
        close_old_connections()
        try:
            crash_point(name, "begun")
            result = function(*args)
            crash_point(name, "before_report")
            return result
        except Exception as error:
            if not (_is_outage(error) or isinstance(error, DomainError | FailureError)):
                _count_try()
            raise
        finally:
            close_old_connections()

    return in_thread


def _tries_failed() -> int:
    """Return how many tries of this step failed by something else than an outage, this one included.

    The heartbeat carries the count from try to try. A local step has none: all its tries count.
    """
    info = activity.info()
    return info.attempt if info.is_local else 1 + sum(info.heartbeat_details[:1])


def _count_try() -> None:
    if not activity.info().is_local:
        activity.heartbeat(_tries_failed())


def _is_outage(error: Exception) -> bool:
    if isinstance(error, OperationalError | InterfaceError):
        return sqlstate(error)[:2] in _OUTAGE
    return isinstance(error, OutageError)


def _translated(error: Exception, *, attempt: int, tries: int) -> Exception:
    """Return what Temporal records: codes and attempt numbers, no values of rows."""
    details: dict[str, object] = {ATTEMPT: attempt}
    if isinstance(error, PortBusyError):
        return ApplicationError(
            str(error),
            details,
            type=BUSY,
            next_retry_delay=timedelta(seconds=error.retry_after),
            category=ApplicationErrorCategory.BENIGN,
        )
    if isinstance(error, DomainError):
        return ApplicationError(
            error.message,
            details,
            type=error.code,
            non_retryable=not error.retryable,
            category=ApplicationErrorCategory.BENIGN,
        )
    if isinstance(error, FailureError):
        return error
    if isinstance(error, OutageError):
        text = error_text(error, _LONGEST)
        logger.warning("activity failed: %s", text)
        return ApplicationError(text, details, type="outside_unavailable")
    logger.exception("activity failed")
    if isinstance(error, DatabaseError | InterfaceError):
        text, code = f"{type(error).__name__} {sqlstate(error)}".strip(), "database_error"
        if _is_outage(error):
            delay = timedelta(seconds=_OUTAGE_DELAYS[min(attempt, len(_OUTAGE_DELAYS)) - 1])
            return ApplicationError(text, details, type="database_unavailable", next_retry_delay=delay)
    else:
        text, code = error_text(error, _LONGEST), _code_of(error)
    failure = ApplicationError(text, {ATTEMPT: tries}, type=code)
    if tries < ATTEMPTS:
        return failure
    given_up = ApplicationError(f"given up after {tries} tries", type=GIVEN_UP)
    given_up.__cause__ = failure
    return given_up


def _code_of(error: Exception) -> str:
    """Return an error's own code where it is one of ours: those of others may be numbers, or functions.

    What Temporal cannot keep would not reach it, and the step would be tried again for ever.
    """
    try:
        code = getattr(error, "code", "")
    except Exception:  # noqa: BLE001 - the class may be an adapter's, and fail in any way
        code = ""
    return escaped(code)[:_LONGEST_CODE] if isinstance(code, str) and code else type(error).__name__


def _outcome(error: Exception) -> str:
    if isinstance(error, ApplicationError) and error.type == BUSY:
        return "busy"
    return "refused" if isinstance(error, ApplicationError) and error.non_retryable else "failed"


def _ids_of(arguments: Any) -> dict[str, str]:
    """Return the ids that the first argument, a contract, carries, such as `order_id`."""
    first = arguments[0] if arguments else None
    names = getattr(type(first), "model_fields", {})
    return {
        name: str(getattr(first, name)) for name in names if name.endswith("_id") and getattr(first, name)
    }


class ContextInterceptor(client.Interceptor, worker.Interceptor):
    """Carries the request id from the start of a workflow to its activities and children.

    Give it to the client; a worker on that client takes it over.
    """

    def intercept_client(self, next: client.OutboundInterceptor) -> client.OutboundInterceptor:
        """Put the writer of the header before the client's calls."""
        return _StartWithRequestId(next)

    def workflow_interceptor_class(
        self, input: worker.WorkflowInterceptorClassInput
    ) -> type[worker.WorkflowInboundInterceptor]:
        """Return the class that passes the header on."""
        return _PassRequestIdOn


class _StartWithRequestId(client.OutboundInterceptor):
    async def start_workflow(self, input: client.StartWorkflowInput) -> client.WorkflowHandle[Any, Any]:
        """Write the request id of the caller, if there is one."""
        if request_id():
            input.headers = {**input.headers, _HEADER: Payload(data=request_id().encode())}
        return await super().start_workflow(input)


class _PassRequestIdOn(worker.WorkflowInboundInterceptor):
    def init(self, outbound: worker.WorkflowOutboundInterceptor) -> None:
        """Put the writer of the header before the workflow's calls."""
        super().init(_CallWithRequestId(outbound))


class _CallWithRequestId(worker.WorkflowOutboundInterceptor):
    def start_activity(self, input: worker.StartActivityInput) -> workflow.ActivityHandle[Any]:
        """Pass the header on."""
        input.headers = _passed_on(input.headers)
        return super().start_activity(input)

    def start_local_activity(self, input: worker.StartLocalActivityInput) -> workflow.ActivityHandle[Any]:
        """Pass the header on."""
        input.headers = _passed_on(input.headers)
        return super().start_local_activity(input)

    async def start_child_workflow(
        self, input: worker.StartChildWorkflowInput
    ) -> workflow.ChildWorkflowHandle[Any, Any]:
        """Pass the header on."""
        input.headers = _passed_on(input.headers)
        return await super().start_child_workflow(input)


def _passed_on(headers: Mapping[str, Payload]) -> dict[str, Payload]:
    received = workflow.info().headers.get(_HEADER)
    return dict(headers) if received is None else {**headers, _HEADER: received}


def _read(headers: Mapping[str, Payload]) -> str:
    payload = headers.get(_HEADER)
    return "" if payload is None else payload.data.decode()
