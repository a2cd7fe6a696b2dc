"""Activities of the sample domain; what they did stands in `DONE`."""

import os
import threading
from collections import defaultdict

from django.db import OperationalError, connection
from temporalio import activity

from holo.common.context import current_context, request_id
from holo.common.errors import BusyError, NotFoundError
from tests.workflows.sample_domain.contracts import (
    BACKEND_PID,
    REFUSE,
    TAKE_STEP,
    UNDO_STEP,
    Pid,
    Step,
    Subject,
)

DONE: dict[str, list[str]] = defaultdict(list)
CONTEXT: dict[str, dict[str, str]] = {}
# Steps that cannot be undone for now, and gates that an undo waits at.
FAILING: set[tuple[str, str]] = set()
OUTAGES: dict[str, int] = defaultdict(int)
GATES: dict[tuple[str, str], tuple[threading.Event, threading.Event]] = {}


@activity.defn(name=TAKE_STEP, no_thread_cancel_exception=True)
def take_step(call: Step) -> None:
    """Take a step."""
    CONTEXT[call.subject_id] = current_context()
    if OUTAGES[call.subject_id] > 0:
        OUTAGES[call.subject_id] -= 1
        raise OperationalError("server closed the connection unexpectedly")
    DONE[call.subject_id].append(f"take {call.step}")


@activity.defn(name=UNDO_STEP, no_thread_cancel_exception=True)
def undo_step(call: Step) -> None:
    """Undo a step, unless it is one of the failing."""
    key = (call.subject_id, call.step)
    if key in GATES:
        begun, gate = GATES[key]
        begun.set()
        assert gate.wait(60)
    if key in FAILING:
        raise ConnectionError("the other side is away")
    DONE[call.subject_id].append(f"undo {call.step}")


@activity.defn(name=REFUSE, no_thread_cancel_exception=True)
def refuse(subject: Subject) -> None:
    """Be busy the first time, refuse the second."""
    DONE[subject.subject_id].append("asked")
    if len(DONE[subject.subject_id]) == 1:
        raise BusyError("somebody holds the rows")
    raise NotFoundError("no such thing")


@activity.defn(name=BACKEND_PID, no_thread_cancel_exception=True)
def backend_pid(subject: Subject) -> Pid:
    """Return the connection of this thread; hang in a process that is told to."""
    if "SAMPLE_HANGS" in os.environ:
        threading.Event().wait()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        row = cursor.fetchone()
    assert row is not None
    return Pid(pid=row[0], attempt=activity.info().attempt, request_id=request_id())
