"""What a handler gets, and handing one message to all handlers of its topic."""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from importlib import import_module
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import InterfaceError, OperationalError
from kombu.exceptions import OperationalError as BrokerError

from holo.common.context import bound
from holo.common.errors import DomainError
from holo.common.logs import error_text
from holo.outbox.errors import PermanentDeliveryError, TransientDeliveryError

logger = logging.getLogger(__name__)
_ERROR_LENGTH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One message, as its handlers see it. It may come more than once; `id` stays the same."""

    id: int
    topic: str
    key: str
    payload: Mapping[str, Any]
    organization_id: UUID
    request_id: str


# Returns when the message has been taken; raises otherwise. Runs without an open transaction.
Handler = Callable[[Delivery], None]
Handlers = Mapping[str, tuple[Handler, ...]]


class Verdict(Enum):
    """How a try to deliver ended."""

    DELIVERED = "delivered"
    TRANSIENT = "transient"
    FAILED = "failed"
    PERMANENT = "permanent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one try ended, with the error's text if it failed."""

    verdict: Verdict
    error: str = ""


def load_handlers(paths: Iterable[str] | None = None) -> Handlers:
    """Return the handlers of each topic, from the functions that OUTBOX_HANDLERS (or `paths`) names."""
    by_topic: dict[str, tuple[Handler, ...]] = {}
    for path in settings.OUTBOX_HANDLERS if paths is None else paths:
        module_name, _, name = path.rpartition(".")
        try:
            source = getattr(import_module(module_name), name)
        except (ImportError, AttributeError, ValueError) as error:
            raise ImproperlyConfigured(f"OUTBOX_HANDLERS names {path}: {error}") from error
        for topic, handler in source().items():
            by_topic[topic] = (*by_topic.get(topic, ()), handler)
    return by_topic


def deliver(message: Delivery, handlers: Handlers) -> Outcome:
    """Hand `message` to every handler of its topic; if one fails, all are asked again later."""
    takers = handlers.get(message.topic, ())
    if not takers:
        # Kept as a dead letter, to be sent again once the setting is right.
        error = f"no handler takes the topic {message.topic}; does ENABLE_DOMAINS name its domain here?"
        return Outcome(verdict=Verdict.PERMANENT, error=error)
    outcomes = [_ask(handler, message) for handler in takers]
    # The one that another try may still help decides, so that no handler's message is given up for another's.
    for verdict in (Verdict.TRANSIENT, Verdict.FAILED, Verdict.PERMANENT):
        for outcome in outcomes:
            if outcome.verdict is verdict:
                return outcome
    return Outcome(verdict=Verdict.DELIVERED)


def _ask(handler: Handler, message: Delivery) -> Outcome:
    with bound(request_id=message.request_id, message=str(message.id), topic=message.topic):
        try:
            handler(message)
        except PermanentDeliveryError as error:
            return Outcome(verdict=Verdict.PERMANENT, error=_text(error))
        except BaseException as error:  # a handler may call sys.exit, which would end the thread
            if _is_transient(error):
                return Outcome(verdict=Verdict.TRANSIENT, error=_text(error))
            logger.exception("delivery failed")
            return Outcome(verdict=Verdict.FAILED, error=_text(error))
    return Outcome(verdict=Verdict.DELIVERED)


def _is_transient(error: BaseException) -> bool:
    """Tell whether the other side is away or busy, as opposed to our code or the message being wrong."""
    if isinstance(error, DomainError):
        return error.retryable
    if isinstance(error, TransientDeliveryError | ConnectionError | TimeoutError):
        return True
    return isinstance(error, OperationalError | InterfaceError | BrokerError)


def _text(error: BaseException) -> str:
    """Return the text for the message's row; one that no row can have would stop the relay."""
    return f"{type(error).__name__}: {error_text(error, _ERROR_LENGTH)}"[:_ERROR_LENGTH]
