"""What holds of amounts and payments."""

from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.utils.translation import gettext as now_in
from django.utils.translation import gettext_lazy as _

from holo.common.money import EXPONENTS
from holo.common.verify import CouldNotCheckError, Rule, register
from orders.sandbox.verify import GATEWAY, RULES
from orders.states import TERMINAL

_PARAMETERS = {"currencies": sorted(EXPONENTS), "terminal": sorted(TERMINAL)}


def _no_books(grace: timedelta) -> Iterator[str]:
    raise CouldNotCheckError(
        now_in("%(gateway)s keeps no books that can be read here") % {"gateway": settings.PAYMENT_GATEWAY}
    )


register(
    Rule(
        id="I14",
        statement=_("Amounts are integers of minor units."),
        sql="""
SELECT 'column ' || table_name || '.' || column_name || ': ' || data_type FROM information_schema.columns
WHERE table_schema = current_schema() AND right(column_name, 6) = '_minor'
  AND data_type NOT IN ('bigint', 'integer')
""",
    ),
    Rule(
        id="I14",
        statement=_("An order costs the sum of its lines, in a known currency."),
        sql="""
SELECT 'order ' || o.id || ': ' || o.total_minor || ' ' || o.currency || ', lines '
       || coalesce(l.total, 0)
FROM orders_order o
LEFT JOIN (SELECT order_id, sum(quantity::numeric * unit_price_minor) AS total,
                  min(unit_price_minor) AS lowest
           FROM orders_orderline GROUP BY 1) l ON l.order_id = o.id
WHERE o.currency <> ALL (%(currencies)s) OR o.total_minor <= 0 OR o.total_minor IS DISTINCT FROM l.total
   OR l.lowest <= 0
""",
        parameters=_PARAMETERS,
    ),
    Rule(
        id="I21",
        statement=_("A completed order is paid once and in full; one that was given up has kept nothing."),
        sql="""
SELECT 'order ' || o.id || ' (' || o.status || '): captured ' || coalesce(p.captured, 0) || ' of '
       || o.total_minor
FROM orders_order o
LEFT JOIN orders_orderabort a ON a.order_id = o.id
LEFT JOIN (
    SELECT order_id, sum(amount_minor) FILTER (WHERE state = 'captured') AS captured,
           count(*) FILTER (WHERE state = 'captured') AS times,
           count(*) FILTER (WHERE state = 'refunded') AS refunds
    FROM orders_payment GROUP BY 1) p ON p.order_id = o.id
WHERE NOT CASE
    WHEN o.status = 'completed' OR o.status = 'fulfilling' AND a.order_id IS NULL
        THEN p.captured IS NOT DISTINCT FROM o.total_minor AND p.times = 1
    WHEN o.status = ANY (%(terminal)s) THEN coalesce(p.captured, 0) = 0
    ELSE coalesce(p.captured, 0) IN (0, o.total_minor)
END OR p.refunds > 1
""",
        parameters=_PARAMETERS,
    ),
    Rule(
        id="I21",
        statement=_("A payment is of its order's total, and was captured and refunded as often as told."),
        sql="""
SELECT 'payment ' || p.id || ' (' || p.state || '): captured ' || coalesce(e.captured, 0) || ', refunded '
       || coalesce(e.refunded, 0) || ' times'
FROM orders_payment p JOIN orders_order o ON o.id = p.order_id
LEFT JOIN (
    SELECT data->>'payment_id' AS payment_id, count(*) FILTER (WHERE kind = 'payment_captured') AS captured,
           count(*) FILTER (WHERE kind = 'payment_refunded') AS refunded
    FROM orders_orderevent WHERE kind IN ('payment_captured', 'payment_refunded') GROUP BY 1
) e ON e.payment_id = p.id::text
WHERE (p.amount_minor, p.currency) IS DISTINCT FROM (o.total_minor, o.currency)
   OR coalesce(e.captured, 0) <> (p.state IN ('captured', 'refunded'))::int
   OR coalesce(e.refunded, 0) <> (p.state = 'refunded')::int
   OR (p.captured_at IS NOT NULL) <> (p.state IN ('captured', 'refunded'))
   OR (p.refunded_at IS NOT NULL) <> (p.state = 'refunded')
""",
    ),
)
if settings.PAYMENT_GATEWAY == GATEWAY:
    register(*RULES)
else:
    register(
        Rule(
            id="I22",
            statement=_("The gateway's books and ours say the same of each payment."),
            sql="the gateway's list of charges",
            find=_no_books,
        )
    )
