"""What a run has done so far, step by step, read from its history as it grows."""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from django.conf import settings
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType
from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from workflows.runtime import client
from workflows.runtime.errors import PayloadUnreadableError
from workflows.runtime.sealing import SealingCodec

State = Literal["done", "failed", "note"]

# How long one question to the server may wait for news; the server itself gives up after 20 s.
_LONGEST_POLL = 15.0
_LONGEST_VALUE = 100
_LOCAL_ACTIVITY = "core_local_activity"
_NO_NEWS = (RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One line of what happened: seconds since the start, what, how it went, and its result or error."""

    seconds: float
    name: str
    state: State
    detail: str = ""


class StillRunningError(Exception):
    """The run has not ended within the time that was given."""


def follow(*, workflow_id: str, run_id: str | None = None, within: float | None = None) -> Iterator[Step]:
    """Yield the steps of a run as they happen until it has ended; without `within`, those up to now.

    Raises StillRunningError after `within` seconds, WorkflowNotFoundError or TemporalUnavailableError.
    """
    deadline = None if within is None else time.monotonic() + within
    reader, token = _Reader(), b""
    while True:
        left = _LONGEST_POLL if deadline is None else deadline - time.monotonic()
        if left <= 0:
            raise StillRunningError(workflow_id)
        wait = min(left, _LONGEST_POLL)
        events, token = _page(workflow_id, run_id, token, wait=wait, for_news=deadline is not None)
        for event in events:
            step = reader.read(event)
            if step is not None:
                yield step
        if not token:
            return


def _page(
    workflow_id: str, run_id: str | None, token: bytes, *, wait: float, for_news: bool
) -> tuple[Sequence[HistoryEvent], bytes]:
    async def ask(connected: Client) -> tuple[Sequence[HistoryEvent], bytes]:
        handle = connected.get_workflow_handle(workflow_id, run_id=run_id)
        pages = handle.fetch_history_events(
            wait_new_event=for_news, next_page_token=token or None, rpc_timeout=timedelta(seconds=wait)
        )
        try:
            await pages.fetch_next_page()
        except RPCError as error:
            if error.status in _NO_NEWS and token:
                return (), token
            raise
        return pages.current_page or (), pages.next_page_token or b""

    return client.call(ask, timeout=wait + client.RPC_TIMEOUT.total_seconds())


class _Reader:
    """Puts events together into steps: a name stands in one event, its end in a later one."""

    def __init__(self) -> None:
        self._begun: datetime | None = None
        self._names: dict[int, str] = {}

    def read(self, event: HistoryEvent) -> Step | None:
        """Return the step that the event makes whole, if it does."""
        at = event.event_time.ToDatetime(tzinfo=UTC)
        self._begun = self._begun or at
        told = self._told(event)
        if told is None:
            return None
        name, state, detail = told
        return Step(seconds=(at - self._begun).total_seconds(), name=name, state=state, detail=detail)

    def _told(self, event: HistoryEvent) -> tuple[str, State, str] | None:
        kind = EventType.Name(event.event_type).removeprefix("EVENT_TYPE_")
        if kind.startswith(("ACTIVITY_TASK_", "CHILD_WORKFLOW_", "START_CHILD_")):
            return self._of_step(kind, event)
        if kind == "MARKER_RECORDED":
            return _of_marker(event)
        if kind == "WORKFLOW_EXECUTION_SIGNALED":
            return f"signal {event.workflow_execution_signaled_event_attributes.signal_name}", "note", ""
        if kind == "TIMER_STARTED":
            wait = event.timer_started_event_attributes.start_to_fire_timeout
            return "timer", "note", f"waits {wait.ToTimedelta().total_seconds():g} s at most"
        if kind == "WORKFLOW_EXECUTION_FAILED":
            return "workflow", "failed", _reason(event.workflow_execution_failed_event_attributes.failure)
        if kind == "WORKFLOW_TASK_FAILED":
            return "workflow code", "failed", _reason(event.workflow_task_failed_event_attributes.failure)
        if kind.startswith("WORKFLOW_EXECUTION_"):
            word = kind.removeprefix("WORKFLOW_EXECUTION_").lower().replace("_", " ")
            return "workflow", "done" if word in ("started", "completed") else "note", word
        return None

    def _of_step(self, kind: str, event: HistoryEvent) -> tuple[str, State, str] | None:
        """Return the end of an activity or of a child workflow."""
        field = event.WhichOneof("attributes")
        attributes = getattr(event, field or "")
        if kind == "ACTIVITY_TASK_SCHEDULED":
            self._names[event.event_id] = attributes.activity_type.name
            return None
        if kind == "START_CHILD_WORKFLOW_EXECUTION_INITIATED":
            self._names[event.event_id] = attributes.workflow_type.name
            return None
        ended = kind.rpartition("_")[2]
        if ended in ("STARTED", "REQUESTED"):
            return None
        number = getattr(attributes, "scheduled_event_id", 0) or getattr(attributes, "initiated_event_id", 0)
        name = self._names.get(number, "?")
        if ended == "COMPLETED":
            return name, "done", _shown(attributes.result.payloads)
        failure = getattr(attributes, "failure", None)
        return name, "failed", (_reason(failure) if failure else "") or ended.lower()


def _of_marker(event: HistoryEvent) -> tuple[str, State, str] | None:
    """Return the end of a local activity, which the history knows as a marker."""
    marker = event.marker_recorded_event_attributes
    if marker.marker_name != _LOCAL_ACTIVITY:
        return None
    about = marker.details["data"].payloads
    name = str(json.loads(about[0].data).get("activity_type", "?")) if about else "?"
    if marker.HasField("failure"):
        return name, "failed", _reason(marker.failure)
    return name, "done", _shown(marker.details["result"].payloads if "result" in marker.details else ())


def _reason(failure: Failure) -> str:
    """Return the text of the innermost failure with its code: the outer ones say only where it was."""
    while failure.HasField("cause"):
        failure = failure.cause
    code, message = failure.application_failure_info.type, failure.message
    if failure.HasField("encoded_attributes"):
        message = _sealed_message(failure.encoded_attributes)
    return f"{message} ({code})" if code else message


def _sealed_message(attributes: Payload) -> str:
    try:
        return str(json.loads(_codec().open(attributes).data)["message"])
    except PayloadUnreadableError as error:
        return error.message


def _shown(payloads: Sequence[Payload]) -> str:
    """Return a result as its JSON, which holds ids and amounts; nothing for none, cut where it is long.

    One that does not open says so: the other steps are worth seeing without it.
    """
    codec = _codec()
    try:
        text = "".join(codec.open(payload).data.decode(errors="replace") for payload in payloads)
    except PayloadUnreadableError as error:
        return error.message
    text = "" if text == "null" else text
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"


def _codec() -> SealingCodec:
    """Return the codec that shows a history; it only reads, so it shows what is not sealed as well."""
    return SealingCodec(settings.TEMPORAL_KEYRING, accept_plain=True)
