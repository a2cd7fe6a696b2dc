"""The kinds of deliveries: each app registers its own with the function that writes the mail."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.utils.functional import Promise


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """A person by id, the address of somebody who is no person here, or a person's other address."""

    id: UUID | None = None
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One delivery, as the functions of its kind see it; `attempt` counts from 1."""

    id: UUID
    kind: str
    organization_id: UUID
    recipient: Recipient
    data: Mapping[str, Any] = field(default_factory=dict)
    request_id: str = ""
    attempt: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A mail as it is sent: plain text."""

    to: str
    subject: str
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of delivery; `name` is also the outbox topic that it is planned from, if `recipients` is set.

    `compose` runs immediately before each attempt, without a transaction, and returns None if the mail is no
    longer needed. `recipients` gets the payload of the outbox message. `ended` gets whether the mail was
    delivered, inside the transaction that records it, before the row is written.
    """

    name: str
    label: str | Promise
    compose: Callable[[Item], Mail | None]
    recipients: Callable[[Mapping[str, Any]], Sequence[Recipient]] | None = None
    ended: Callable[[Item, bool], None] | None = None


_KINDS: dict[str, Kind] = {}


def register_kind(kind: Kind) -> None:
    """Make a kind known; an app does so when it is ready."""
    _KINDS[kind.name] = kind


def find_kind(name: str) -> Kind | None:
    """Return the kind of this name, None if no installed app has it."""
    return _KINDS.get(name)


def list_kinds() -> list[Kind]:
    """Return all kinds, by name."""
    return [_KINDS[name] for name in sorted(_KINDS)]
