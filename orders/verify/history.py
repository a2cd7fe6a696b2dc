"""What holds of an order's status, its timeline, and what was done and undone for it."""

from django.utils.translation import gettext_lazy as _

from holo.audit.verify import audited
from holo.common.verify import Rule, register
from orders.states import ENDS_OF_ABORT, TERMINAL, TRANSITIONS, Status

_PARAMETERS = {
    "statuses": Status.values,
    "terminal": sorted(TERMINAL),
    "given_up": sorted(ENDS_OF_ABORT),
    # Parked again while parked: another step has failed meanwhile.
    "moves": [
        *sorted(f"{before}>{after}" for before, targets in TRANSITIONS.items() for after in targets),
        f"{Status.NEEDS_ATTENTION}>{Status.NEEDS_ATTENTION}",
    ],
}

register(
    Rule(
        id="I15",
        statement=_("An order has one known status, and one that is over has nothing left to happen."),
        sql="""
SELECT 'order ' || o.id || ' (' || o.status || ')' FROM orders_order o
LEFT JOIN orders_orderabort a ON a.order_id = o.id
LEFT JOIN orders_orderhandover h ON h.order_id = o.id
WHERE o.status <> ALL (%(statuses)s)
   OR a.order_id IS NOT NULL AND h.order_id IS NOT NULL
   OR o.status = 'completed' AND h.order_id IS NULL
   OR o.status = ANY (%(given_up)s) AND a.ends_as IS DISTINCT FROM o.status
   OR o.status = 'out_of_stock' AND (a.order_id IS NOT NULL OR h.order_id IS NOT NULL)
   OR o.status = ANY (%(terminal)s) AND (
       EXISTS (SELECT FROM orders_payment p WHERE p.order_id = o.id AND p.state = 'requested')
       OR EXISTS (SELECT FROM orders_parkedstep s WHERE s.order_id = o.id AND s.resolved_at IS NULL)
       OR EXISTS (SELECT FROM orders_shipment s WHERE s.order_id = o.id AND s.state IN ('preparing', 'ready'))
       OR EXISTS (SELECT FROM approvals_approvalrequest r WHERE r.subject_id = o.id AND r.state = 'open'))
""",
        parameters=_PARAMETERS,
    ),
    Rule(
        id="I15",
        statement=_("An order needs attention exactly while a parked step waits for its operator."),
        sql="""
SELECT 'order ' || o.id || ' (' || o.status || '): ' || coalesce(s.open, 0) || ' parked steps'
FROM orders_order o
LEFT JOIN (
    SELECT order_id, count(*) AS open, count(*) FILTER (WHERE retry_requested_at IS NULL) AS unasked
    FROM orders_parkedstep WHERE resolved_at IS NULL GROUP BY 1) s ON s.order_id = o.id
WHERE o.status = 'needs_attention' AND s.order_id IS NULL
   OR o.status <> 'needs_attention' AND s.unasked > 0
""",
    ),
    Rule(
        id="I16",
        statement=_("The versions of a timeline rise without gaps up to the order's."),
        sql="""
SELECT 'order ' || o.id || ': version ' || o.version || ', ' || coalesce(e.entries, 0) || ' entries'
FROM orders_order o
LEFT JOIN (SELECT order_id, count(*) AS entries, min(version) AS lowest, max(version) AS highest
           FROM orders_orderevent GROUP BY 1) e ON e.order_id = o.id
WHERE (e.lowest, e.highest, e.entries) IS DISTINCT FROM (1, o.version, o.version::bigint)
""",
    ),
    Rule(
        id="I16",
        statement=_(
            "Each move of a timeline is in the table of moves, begins where the last ended, and leads"
            " to the order's status."
        ),
        sql="""
WITH move AS (
    SELECT order_id, version, from_status, to_status, lag(to_status) OVER mine AS before,
           lead(to_status) OVER mine AS after
    FROM orders_orderevent WHERE to_status <> ''
    WINDOW mine AS (PARTITION BY order_id ORDER BY version)
)
SELECT 'order ' || o.id || ' version ' || move.version || ': ' || from_status || ' → ' || to_status
FROM move JOIN orders_order o ON o.id = move.order_id
WHERE NOT CASE WHEN before IS NULL THEN from_status = '' AND to_status = 'placed'
               ELSE from_status = before AND from_status || '>' || to_status = ANY (%(moves)s) END
   OR after IS NULL AND to_status <> o.status
""",
        parameters=_PARAMETERS,
    ),
    Rule(
        id="I16",
        statement=_("A shipment was handed over as often as told, and has its time exactly then."),
        sql="""
SELECT 'shipment ' || s.id || ' (' || s.state || '): handed over ' || coalesce(e.times, 0) || ' times'
FROM orders_shipment s
LEFT JOIN (SELECT data->>'shipment_id' AS shipment_id, count(*) AS times FROM orders_orderevent
           WHERE kind = 'shipment_handed_over' GROUP BY 1) e ON e.shipment_id = s.id::text
WHERE coalesce(e.times, 0) <> (s.state = 'handed_over')::int
   OR (s.handed_over_at IS NOT NULL) <> (s.state = 'handed_over')
""",
    ),
    Rule(
        id="I16",
        statement=_("Each shipment carries something."),
        sql="""
SELECT 'shipment ' || s.id || ' (' || s.state || '): no lines' FROM orders_shipment s
WHERE NOT EXISTS (SELECT FROM orders_shipmentline l WHERE l.shipment_id = s.id)
""",
    ),
    Rule(
        id="I17",
        statement=_(
            "What was done for an order that was given up is undone exactly once, last things first;"
            " nothing else is undone."
        ),
        sql="""
WITH told AS (
    SELECT order_id,
        count(*) FILTER (WHERE kind = 'stock_reserved') AS reserved,
        count(*) FILTER (WHERE kind = 'stock_released') AS released,
        count(*) FILTER (WHERE kind = 'payment_captured') AS captured,
        count(*) FILTER (WHERE kind = 'payment_refunded') AS refunded,
        max(version) FILTER (WHERE kind = 'shipment_voided') AS voided_at,
        max(version) FILTER (WHERE kind = 'payment_refunded') AS refunded_at,
        max(version) FILTER (WHERE kind = 'stock_released') AS released_at,
        count(*) FILTER (WHERE kind = 'parked') AS parked,
        max(version) FILTER (WHERE kind = 'closed') = max(version) AS ended_by_close
    FROM orders_orderevent
    WHERE kind IN ('stock_reserved', 'stock_released', 'payment_captured', 'payment_refunded',
                   'shipment_voided', 'parked', 'closed') GROUP BY 1
)
SELECT 'order ' || o.id || ' (' || o.status || '): reserved ' || reserved || ', released ' || released
       || ', captured ' || captured || ', refunded ' || refunded
FROM told JOIN orders_order o ON o.id = told.order_id
WHERE released > reserved OR refunded > captured
   OR o.status = ANY (%(given_up)s) AND (released <> reserved OR refunded <> captured)
   OR o.status = 'completed' AND (released > 0 OR refunded > 0 OR voided_at IS NOT NULL)
   -- A step that was parked is undone after the others; what was repaired, after all of them.
   OR parked = 0 AND ended_by_close
      AND (voided_at > least(refunded_at, released_at) OR refunded_at > released_at)
""",
        parameters=_PARAMETERS,
    ),
    Rule(
        id="I17",
        statement=_(
            "Each shipment of an order that was given up was refused, or is voided and told so once."
        ),
        sql="""
SELECT 'shipment ' || s.id || ' (' || s.state || '): voided ' || coalesce(e.times, 0) || ' times'
FROM orders_shipment s JOIN orders_order o ON o.id = s.order_id
LEFT JOIN (SELECT data->>'shipment_id' AS shipment_id, count(*) AS times FROM orders_orderevent
           WHERE kind = 'shipment_voided' GROUP BY 1) e ON e.shipment_id = s.id::text
WHERE coalesce(e.times, 0) <> (s.state = 'voided')::int
   OR o.status = ANY (%(given_up)s) AND s.state NOT IN ('refused', 'voided')
""",
        parameters=_PARAMETERS,
    ),
    Rule(
        id="I18",
        statement=_("A step that has its key was taken, so that none is left out because of its key alone."),
        sql="""
SELECT 'step ' || l.key || ': order ' || o.status
FROM idempotency_idempotencylog l
JOIN orders_order o ON o.id::text = split_part(l.key, ':', 1)
WHERE l.scope = 'step' AND CASE split_part(l.key, ':', 2)
    WHEN 'reserve' THEN o.status = 'placed'
        AND NOT EXISTS (SELECT FROM orders_orderabort a WHERE a.order_id = o.id)
    WHEN 'charge' THEN EXISTS (SELECT FROM orders_payment p
                               WHERE p.id::text = split_part(l.key, ':', 3) AND p.state = 'requested')
    WHEN 'complete' THEN o.status <> 'completed'
    WHEN 'close' THEN o.status <> ALL (%(terminal)s)
    ELSE false END
""",
        parameters=_PARAMETERS,
    ),
    Rule(
        id="I18",
        statement=_("Every order that was answered, announced or worked on is there."),
        sql=r"""
WITH named (order_id, place) AS (
    SELECT substring(headers->>'Location' FROM '/orders/([0-9a-f-]{36})$'), 'answer to ' || key
    FROM idempotency_idempotencylog WHERE status = 201
    UNION ALL
    SELECT substring(key FROM '^([0-9a-f-]{36}):'), 'step ' || key
    FROM idempotency_idempotencylog WHERE scope = 'step'
    UNION ALL
    SELECT payload->>'order_id', 'message ' || id FROM outbox_outboxmessage
    WHERE starts_with(topic, 'orders.')
)
SELECT 'order ' || named.order_id || ': ' || place
FROM named LEFT JOIN orders_order o ON o.id::text = named.order_id
WHERE named.order_id IS NOT NULL AND o.id IS NULL
""",
    ),
    audited(
        _("Each order placed has its audit row."),
        action="orders.order_placed",
        changes="SELECT id::text, 1::bigint FROM orders_order",
    ),
    audited(
        _("Each payment request has its audit row."),
        action="orders.payment_requested",
        changes="SELECT id::text, 1::bigint FROM orders_payment",
        subject="data->>'payment_id'",
    ),
    audited(
        _("Each cancel has its audit row."),
        action="orders.cancel_requested",
        changes="SELECT order_id::text, 1::bigint FROM orders_orderabort"
        " WHERE reason IN ('requested', 'temporal')",
    ),
    audited(
        _("Each retry that was asked for has its audit row."),
        action="orders.retry_requested",
        changes="SELECT order_id::text, count(*) FROM orders_orderevent"
        " WHERE kind = 'retry_requested' GROUP BY 1",
    ),
)
