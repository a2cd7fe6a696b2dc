"""Reads of orders for `verify` and `reconcile`: what is open, was missed, is still held or unsettled."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from holo.common.money import Money
from orders.events import ORDER_PLACED
from orders.models import Payment
from orders.states import TERMINAL, Status
from orders.subject import SUBJECT_TYPE

# For so long "no such charge" may mean that a gateway's search does not have it yet.
SEARCH_LAG = timedelta(hours=1)
_BATCH = 500
_TERMINAL = sorted(TERMINAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderState:
    """Where an order stands in the rows; `changed_at` is when it last moved."""

    order_id: UUID
    organization_id: UUID
    status: str
    changed_at: datetime

    @property
    def is_over(self) -> bool:
        """Whether nothing will happen to it any more."""
        return Status(self.status) in TERMINAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Unapplied:
    """A committed fact that the order's process has not acted on: a decision, payment, cancel or retry.

    `fact` may also be `deadline`: a time that has passed.
    """

    order_id: UUID
    organization_id: UUID
    fact: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StrayHold:
    """Stock that is held for an order that is over, or that does not exist (`status` None)."""

    reservation_id: UUID
    organization_id: UUID
    order_id: UUID
    status: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsettled:
    """A payment attempt without an outcome; `submitted` if it may have reached the gateway.

    `is_fresh` while a gateway whose search lags might not have heard of it yet.
    """

    payment_id: UUID
    order_id: UUID
    organization_id: UUID
    amount: Money
    submitted: bool
    is_fresh: bool
    order_is_over: bool


# A message of the topic that still waits, with none of its key given up, is work in flight.
_IN_FLIGHT = """
EXISTS (SELECT FROM outbox_outboxmessage m WHERE m.key = %(subject)s || ':' || o.id
        AND m.delivered_at IS NULL AND (%(topic)s::text IS NULL OR m.topic = %(topic)s))
AND NOT EXISTS (SELECT FROM outbox_outboxmessage m WHERE m.key = %(subject)s || ':' || o.id
                AND m.delivered_at IS NULL AND m.dead_at IS NOT NULL)
"""
_OPEN = f"""
SELECT o.id, o.organization_id, o.status, o.updated_at FROM orders_order o
WHERE o.status <> ALL (%(terminal)s) AND (%(after)s::uuid IS NULL OR o.id > %(after)s)
  AND NOT ({_IN_FLIGHT})
ORDER BY o.id LIMIT %(limit)s
"""  # noqa: S608 # of the code's own words


def list_open_orders() -> Iterator[list[OrderState]]:
    """Yield the orders that are under way, by batches; not those whose start is still in the outbox."""
    after: UUID | None = None
    while True:
        rows = _rows(_OPEN, topic=ORDER_PLACED, after=after, limit=_BATCH)
        if not rows:
            return
        yield [_state(row) for row in rows]
        after = rows[-1][0]


def find_states(order_ids: Collection[UUID]) -> dict[UUID, OrderState]:
    """Return where these orders stand now; one that does not exist is not in the answer."""
    if not order_ids:
        return {}
    sql = "SELECT id, organization_id, status, updated_at FROM orders_order WHERE id = ANY(%(ids)s)"
    return {row[0]: _state(row) for row in _rows(sql, ids=list(order_ids))}


# What each fact looks like while nobody has acted on it; the grace period is how long that may take.
_UNAPPLIED = f"""
WITH late AS (SELECT now() - make_interval(secs => %(grace)s) AS moment), missed (order_id, fact) AS (
    SELECT r.subject_id, 'decision' FROM approvals_approvalrequest r, late
    WHERE r.subject_type = %(subject)s AND r.state IN ('approved', 'rejected') AND r.applied_at IS NULL
      AND r.closed_at < late.moment
    UNION ALL
    -- A payment that came before the decision waits for it. Time counts from the order's last move.
    SELECT p.order_id, 'payment' FROM orders_payment p JOIN orders_order o ON o.id = p.order_id, late
    WHERE p.state = 'requested' AND p.submitted_at IS NULL AND p.created_at < late.moment
      AND o.status <> 'awaiting_approval' AND o.updated_at < late.moment
    UNION ALL
    SELECT a.order_id, 'cancel' FROM orders_orderabort a JOIN orders_order o ON o.id = a.order_id, late
    WHERE o.status NOT IN ('needs_attention') AND o.updated_at < late.moment
    UNION ALL
    SELECT s.order_id, 'retry' FROM orders_parkedstep s JOIN orders_order o ON o.id = s.order_id, late
    WHERE s.resolved_at IS NULL AND o.status = 'needs_attention'
    GROUP BY s.order_id, late.moment
    HAVING count(*) = count(s.retry_requested_at) AND max(s.retry_requested_at) < late.moment
    UNION ALL
    SELECT r.subject_id, 'deadline' FROM approvals_approvalrequest r, late
    WHERE r.subject_type = %(subject)s AND r.state = 'open' AND r.deadline < late.moment
    UNION ALL
    SELECT o.id, 'deadline' FROM orders_order o, late
    WHERE o.status = 'awaiting_payment' AND o.payment_deadline < late.moment
      AND NOT EXISTS (SELECT FROM orders_payment p
                      WHERE p.order_id = o.id AND p.state IN ('requested', 'captured'))
)
SELECT o.id, o.organization_id, min(missed.fact) FROM missed JOIN orders_order o ON o.id = missed.order_id
WHERE o.status <> ALL (%(terminal)s) AND NOT ({_IN_FLIGHT})
GROUP BY o.id ORDER BY o.id
"""  # noqa: S608 # of the code's own words


def list_unapplied(grace: timedelta) -> list[Unapplied]:
    """Return the orders that have not acted on a committed fact for longer than `grace`, one fact each."""
    rows = _rows(_UNAPPLIED, topic=None, grace=grace.total_seconds())
    return [Unapplied(order_id=row[0], organization_id=row[1], fact=row[2]) for row in rows]


_STRAY = """
SELECT r.id, r.organization_id, r.owner_id, o.status
FROM inventory_reservation r LEFT JOIN orders_order o ON o.id = r.owner_id
WHERE r.state = 'held' AND r.owner_type = %(subject)s AND (o.id IS NULL OR o.status = ANY (%(terminal)s))
ORDER BY r.id
"""


def list_stray_holds() -> list[StrayHold]:
    """Return the holds whose order is over or does not exist; a hold ends no later than its order."""
    return [
        StrayHold(reservation_id=row[0], organization_id=row[1], order_id=row[2], status=row[3])
        for row in _rows(_STRAY)
    ]


_UNSETTLED = """
SELECT p.id, p.order_id, p.organization_id, p.amount_minor, p.currency, p.submitted_at IS NOT NULL,
       coalesce(p.submitted_at > now() - %(lag)s, false), o.status = ANY (%(terminal)s)
FROM orders_payment p JOIN orders_order o ON o.id = p.order_id
WHERE p.state = 'requested'
  AND coalesce(p.submitted_at, p.created_at) < now() - make_interval(secs => %(grace)s)
  AND o.status <> 'awaiting_approval'
ORDER BY p.id
"""


def list_unsettled_payments(grace: timedelta) -> list[Unsettled]:
    """Return the attempts that have had no outcome for longer than `grace`."""
    return [
        Unsettled(
            payment_id=row[0],
            order_id=row[1],
            organization_id=row[2],
            amount=Money(minor=row[3], currency=row[4]),
            submitted=row[5],
            is_fresh=row[6],
            order_is_over=row[7],
        )
        for row in _rows(_UNSETTLED, grace=grace.total_seconds(), lag=SEARCH_LAG)
    ]


def is_unsettled(payment_id: UUID) -> bool:
    """Tell whether an attempt has no outcome now."""
    return Payment.objects.filter(pk=payment_id, state=Payment.State.REQUESTED).exists()


def _state(row: tuple[Any, ...]) -> OrderState:
    return OrderState(order_id=row[0], organization_id=row[1], status=row[2], changed_at=row[3])


def _rows(sql: str, **parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, {"subject": SUBJECT_TYPE, "terminal": _TERMINAL, **parameters})
        return list(cursor.fetchall())
