"""What holds between orders and the stock that is held for them or has left for them."""

from django.utils.translation import gettext_lazy as _

from holo.common.verify import Rule, register
from orders.states import TERMINAL, Status
from orders.subject import SUBJECT_TYPE

_PARAMETERS = {
    "owner": SUBJECT_TYPE,
    "terminal": sorted(TERMINAL),
    # Between reservation and shipping an order that goes on holds all it wants.
    "holding": [Status.AWAITING_APPROVAL, Status.AWAITING_PAYMENT, Status.FULFILLING],
    "waiting": [Status.PLACED, Status.AWAITING_APPROVAL, Status.AWAITING_PAYMENT],
}

register(
    Rule(
        id="I04",
        statement=_("Of no product was more sold than received, counted from orders and payments."),
        sql="""
WITH sold AS (
    SELECT l.product_id, sum(l.quantity) AS total
    FROM orders_payment p JOIN orders_orderline l ON l.order_id = p.order_id
    WHERE p.state = 'captured' GROUP BY 1
), received AS (
    SELECT product_id, sum(quantity) AS total FROM inventory_stockmovement
    WHERE kind <> 'shipment' GROUP BY 1
)
SELECT 'product ' || sold.product_id || ': sold ' || sold.total || ', received '
       || coalesce(received.total, 0)
FROM sold LEFT JOIN received USING (product_id) WHERE sold.total > coalesce(received.total, 0)
""",
    ),
    Rule(
        id="I05",
        statement=_("Quantities of order and shipment lines are positive."),
        sql="""
SELECT 'order line ' || id || ': ' || quantity FROM orders_orderline WHERE quantity <= 0
UNION ALL
SELECT 'shipment line ' || id || ': ' || quantity FROM orders_shipmentline WHERE quantity <= 0
""",
    ),
    Rule(
        id="I06",
        statement=_(
            "Nothing is held past its time for an order that is over, absent or no longer waited for."
        ),
        sql="""
SELECT 'reservation ' || r.id || ': held for order ' || r.owner_id || ' ('
       || coalesce(o.status, 'absent') || ')'
FROM inventory_reservation r LEFT JOIN orders_order o ON o.id = r.owner_id
WHERE r.state = 'held' AND r.owner_type = %(owner)s
  AND r.expires_at < now() - make_interval(secs => %(grace)s)
  AND (o.id IS NULL OR o.status = ANY (%(terminal)s)
       OR o.status = ANY (%(waiting)s) AND NOT EXISTS (
           -- An attempt that may have reached the gateway is settled first, however long that takes.
           SELECT FROM orders_payment p WHERE p.order_id = o.id AND p.state IN ('requested', 'captured')))
""",
        parameters=_PARAMETERS,
    ),
    Rule(
        id="I07",
        statement=_("Stock left for an order exactly once if it is completed, and else never."),
        sql="""
SELECT 'order ' || coalesce(o.id, r.owner_id) || ' (' || coalesce(o.status, 'absent') || '): consumed '
       || coalesce(r.times, 0) || ' times'
FROM (SELECT owner_id, count(*) AS times FROM inventory_reservation
      WHERE state = 'consumed' AND owner_type = %(owner)s GROUP BY 1) r
FULL JOIN orders_order o ON o.id = r.owner_id
WHERE coalesce(r.times, 0) <> (o.status IS NOT DISTINCT FROM 'completed')::int
""",
        parameters=_PARAMETERS,
    ),
    Rule(
        id="I08",
        statement=_("Each line of a live order is covered in full; an order that was given up has nothing."),
        sql="""
WITH wanted AS (
    SELECT order_id, product_id, sum(quantity) AS wanted FROM orders_orderline GROUP BY 1, 2
), covered AS (
    SELECT r.owner_id AS order_id, l.product_id, sum(l.quantity) AS covered
    FROM inventory_reservation r JOIN inventory_reservationline l ON l.reservation_id = r.id
    WHERE r.owner_type = %(owner)s AND r.state IN ('held', 'consumed') GROUP BY 1, 2
), line AS (
    SELECT order_id, product_id, coalesce(wanted, 0) AS wanted, coalesce(covered, 0) AS covered
    FROM wanted FULL JOIN covered USING (order_id, product_id)
)
SELECT 'order ' || line.order_id || ' (' || coalesce(o.status, 'absent') || ') product ' || product_id
       || ': wants ' || wanted || ', covered ' || covered
FROM line LEFT JOIN orders_order o ON o.id = line.order_id
LEFT JOIN orders_orderabort a ON a.order_id = line.order_id
WHERE NOT CASE
    WHEN o.status = 'completed' OR o.status = ANY (%(holding)s) AND a.order_id IS NULL
        THEN covered = wanted
    WHEN o.id IS NULL OR o.status = 'placed' OR o.status = ANY (%(terminal)s) THEN covered = 0
    ELSE covered IN (0, wanted)
END
""",
        parameters=_PARAMETERS,
    ),
)
