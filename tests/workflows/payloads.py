"""What a history holds that could be read: its payloads, and the texts of its errors."""

from collections.abc import Iterator, Mapping

from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import History
from temporalio.client import Client

from workflows.runtime import client
from workflows.runtime.sealing import ENCODING

# Where the SDK's core notes for itself of a local activity: its name, its number, times.
_OF_CORE = ("core_local_activity", "data")


def history_of(workflow_id: str) -> History:
    """Return the history of the latest run of an id as Temporal keeps it."""

    async def fetch(connected: Client) -> History:
        found = await connected.get_workflow_handle(workflow_id).fetch_history()
        return History(events=found.events)

    return client.call(fetch)


def payloads_in(message: Message) -> Iterator[Payload]:
    """Yield every payload anywhere in a message: inputs, results, details, headers, memos, failures."""
    return (found for found in _messages(message) if isinstance(found, Payload))


def readable_in(history: History) -> list[str]:
    """Return what can be read without a key, but for the names and ids that Temporal goes by."""
    kept = History()
    kept.CopyFrom(history)
    for event in kept.events:
        marker = event.marker_recorded_event_attributes
        if marker.marker_name == _OF_CORE[0]:
            del marker.details[_OF_CORE[1]]
    plain = [payload for payload in payloads_in(kept) if payload.metadata.get("encoding") != ENCODING]
    failures = [found for found in _messages(kept) if isinstance(found, Failure)]
    texts = [text for failure in failures for text in (failure.message, failure.stack_trace)]
    return [
        *(payload.data.decode(errors="replace") for payload in plain),
        *(text for text in texts if text not in ("", "Encoded failure")),
    ]


def _messages(message: Message) -> Iterator[Message]:
    yield message
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        if isinstance(value, Message):
            yield from _messages(value)
        elif isinstance(value, Mapping):
            for inner in value.values():
                if isinstance(inner, Message):
                    yield from _messages(inner)
        else:
            for inner in value:
                yield from _messages(inner)
