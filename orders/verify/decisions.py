"""What holds between orders and the human decisions about them."""

import json
from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from holo.common.db import stream
from holo.common.money import EXPONENTS
from holo.common.verify import Rule, register
from orders.operations import digest_of
from orders.subject import SUBJECT_TYPE

_CONTENT = """
SELECT r.id, r.subject_digest, o.number, o.currency, o.total_minor,
       jsonb_agg(jsonb_build_array(l.sku, l.name, l.quantity, l.unit_price_minor) ORDER BY l.position)::text
FROM approvals_approvalrequest r JOIN orders_order o ON o.id = r.subject_id
JOIN orders_orderline l ON l.order_id = o.id
WHERE r.subject_type = %(subject)s
GROUP BY r.id, o.id
"""
_PARAMETERS = {
    "subject": SUBJECT_TYPE,
    "threshold": settings.ORDER_APPROVAL_THRESHOLD,
    "exponents": json.dumps(EXPONENTS),
}


def _changed_content(grace: timedelta) -> Iterator[str]:
    for request_id, digest, number, currency, total, lines in stream(_CONTENT, {"subject": SUBJECT_TYPE}):
        if digest_of(number, currency, total, json.loads(lines)) != digest:
            yield f"request {request_id}: the order is not what was decided about"


register(
    Rule(
        id="I23",
        statement=_(
            "A decision that was applied has its one effect on the order, and the effect its decision."
        ),
        sql="""
SELECT 'order ' || o.id || ': ' || coalesce(r.approved, 0) || ' approvals applied, '
       || coalesce(e.times, 0) || ' told; ' || coalesce(r.rejected, 0) || ' rejections applied, '
       || (a.order_id IS NOT NULL)::int || ' aborts'
FROM orders_order o
LEFT JOIN (
    SELECT subject_id, count(*) FILTER (WHERE state = 'approved') AS approved,
           count(*) FILTER (WHERE state = 'rejected') AS rejected
    FROM approvals_approvalrequest
    WHERE subject_type = %(subject)s AND applied_at IS NOT NULL GROUP BY 1) r ON r.subject_id = o.id
LEFT JOIN (SELECT order_id, count(*) AS times FROM orders_orderevent
           WHERE kind = 'approved' GROUP BY 1) e ON e.order_id = o.id
LEFT JOIN orders_orderabort a ON a.order_id = o.id AND a.reason = 'approval_rejected'
WHERE coalesce(r.approved, 0) <> coalesce(e.times, 0)
   OR coalesce(r.rejected, 0) <> (a.order_id IS NOT NULL)::int
""",
        parameters=_PARAMETERS,
    ),
    Rule(
        id="I23",
        statement=_("A request is withdrawn because its order was given up, and for nothing else."),
        sql="""
SELECT 'request ' || r.id || ': order ' || r.subject_id || ' was not given up'
FROM approvals_approvalrequest r LEFT JOIN orders_orderabort a ON a.order_id = r.subject_id
WHERE r.subject_type = %(subject)s AND r.state = 'withdrawn' AND a.order_id IS NULL
""",
        parameters=_PARAMETERS,
    ),
    Rule(
        id="I24",
        statement=_("Whoever placed an order is a contributor, and a key decides for its owner alone."),
        sql="""
SELECT 'request ' || r.id || ': order ' || o.id || ' was placed by somebody else'
FROM approvals_approvalrequest r JOIN orders_order o ON o.id = r.subject_id
WHERE r.subject_type = %(subject)s AND o.created_by_id <> ALL (r.contributors)
UNION ALL
SELECT 'decision ' || d.id || ': by the key of somebody else'
FROM approvals_approvaldecision d JOIN apiauth_apikey k ON k.id = d.api_key_id
WHERE k.owner_id IS DISTINCT FROM d.actor_id
""",
        parameters=_PARAMETERS,
    ),
    Rule(
        id="I24",
        statement=_("An order is still what was decided about."),
        sql=_CONTENT,
        find=_changed_content,
    ),
    Rule(
        id="I25",
        statement=_("No order that had to be decided about went on without an applied approval."),
        sql="""
WITH gone_on AS (
    SELECT order_id FROM orders_orderevent
    WHERE to_status = 'awaiting_payment' AND from_status <> 'needs_attention'
    UNION SELECT order_id FROM orders_payment UNION SELECT order_id FROM orders_shipment
)
SELECT 'order ' || o.id || ': ' || o.total_minor || ' ' || o.currency
FROM gone_on JOIN orders_order o ON o.id = gone_on.order_id
LEFT JOIN orders_orderevent e ON e.order_id = o.id AND e.kind = 'stock_reserved'
LEFT JOIN (
    SELECT subject_id, bool_or(state = 'approved' AND applied_at IS NOT NULL) AS approved
    FROM approvals_approvalrequest WHERE subject_type = %(subject)s GROUP BY 1) r ON r.subject_id = o.id
-- The threshold that the order was placed under; of old orders, which did not note it, the present one.
WHERE NOT coalesce(r.approved, r.subject_id IS NULL AND o.total_minor
    <= coalesce(e.data->'approval_above'->>'amount', %(threshold)s)::numeric
       * power(10::numeric, (%(exponents)s::jsonb->>o.currency)::int))
""",
        parameters=_PARAMETERS,
    ),
)
