"""What holds of stock, holds and movements."""

from django.utils.translation import gettext_lazy as _

from holo.audit.verify import audited
from holo.common.money import EXPONENTS
from holo.common.verify import Rule, register

# One sum per shelf or product, before any join, so that no row counts twice.
_MOVED = "SELECT {by}, sum(quantity) AS total FROM inventory_stockmovement GROUP BY 1"
_HELD = """
SELECT l.{by}, sum(l.quantity) AS total
FROM inventory_reservation r JOIN inventory_reservationline l ON l.reservation_id = r.id
WHERE r.state = 'held' GROUP BY 1
"""

register(
    Rule(
        id="I01",
        statement=_("On every shelf, 0 ≤ reserved ≤ on hand."),
        sql="""
SELECT 'stock level ' || id || ': on hand ' || on_hand || ', reserved ' || reserved
FROM inventory_stocklevel WHERE on_hand < 0 OR reserved < 0 OR reserved > on_hand
""",
    ),
    Rule(
        id="I02",
        statement=_("On hand is the sum of the movements."),
        sql=f"""
SELECT 'stock level ' || s.id || ': on hand ' || s.on_hand || ', moved ' || coalesce(moved.total, 0)
FROM inventory_stocklevel s
LEFT JOIN ({_MOVED.format(by="stock_level_id")}) moved ON moved.stock_level_id = s.id
WHERE s.on_hand <> coalesce(moved.total, 0)
""",  # noqa: S608 # of the code's own words
    ),
    Rule(
        id="I02",
        statement=_("Each movement names its cause and who made it."),
        sql="""
SELECT 'movement ' || id FROM inventory_stockmovement
WHERE actor_label = '' OR kind NOT IN ('receipt', 'shipment', 'adjustment')
   OR kind = 'shipment' AND (reservation_line_id IS NULL OR owner_id IS NULL OR owner_type = '')
""",
    ),
    Rule(
        id="I03",
        statement=_("Reserved is the sum of the open holds."),
        sql=f"""
SELECT 'stock level ' || s.id || ': reserved ' || s.reserved || ', held ' || coalesce(held.total, 0)
FROM inventory_stocklevel s
LEFT JOIN ({_HELD.format(by="stock_level_id")}) held ON held.stock_level_id = s.id
WHERE s.reserved <> coalesce(held.total, 0)
""",  # noqa: S608 # of the code's own words
    ),
    Rule(
        id="I04",
        statement=_("Of each product, shipped + held + available is what was received and adjusted."),
        sql=f"""
WITH moved AS (
    SELECT product_id, -coalesce(sum(quantity) FILTER (WHERE kind = 'shipment'), 0) AS shipped,
           coalesce(sum(quantity) FILTER (WHERE kind <> 'shipment'), 0) AS received
    FROM inventory_stockmovement GROUP BY 1
), held AS ({_HELD.format(by="product_id")}), shelf AS (
    SELECT product_id, sum(on_hand - reserved) AS available FROM inventory_stocklevel GROUP BY 1
)
SELECT 'product ' || shelf.product_id || ': shipped ' || coalesce(shipped, 0) || ', held '
       || coalesce(held.total, 0) || ', available ' || available || ', received ' || coalesce(received, 0)
FROM shelf LEFT JOIN moved USING (product_id) LEFT JOIN held USING (product_id)
WHERE coalesce(shipped, 0) + coalesce(held.total, 0) + available <> coalesce(received, 0)
""",  # noqa: S608 # of the code's own words
    ),
    Rule(
        id="I05",
        statement=_("Held and moved quantities have the sign of their kind and are never 0."),
        sql="""
SELECT 'reservation line ' || id || ': ' || quantity FROM inventory_reservationline WHERE quantity <= 0
UNION ALL
SELECT 'movement ' || id || ' (' || kind || '): ' || quantity FROM inventory_stockmovement
WHERE quantity = 0 OR kind = 'receipt' AND quantity < 0 OR kind = 'shipment' AND quantity > 0
""",
    ),
    Rule(
        id="I06",
        statement=_("A reservation ends once, and an owner holds one at a time."),
        sql="""
SELECT 'reservation ' || id || ' (' || state || ')' FROM inventory_reservation
WHERE state NOT IN ('held', 'consumed', 'released', 'expired') OR (state = 'held') <> (ended_at IS NULL)
UNION ALL
SELECT 'owner ' || owner_type || ' ' || owner_id || ': ' || count(*) || ' holds'
FROM inventory_reservation WHERE state = 'held' GROUP BY owner_type, owner_id HAVING count(*) > 1
""",
    ),
    Rule(
        id="I07",
        statement=_("Each line of a consumed reservation left by exactly one shipment, other lines by none."),
        sql="""
SELECT 'reservation line ' || l.id || ' (' || r.state || '): ' || count(m.id) || ' shipments'
FROM inventory_reservation r JOIN inventory_reservationline l ON l.reservation_id = r.id
LEFT JOIN inventory_stockmovement m ON m.reservation_line_id = l.id AND m.kind = 'shipment'
GROUP BY l.id, l.quantity, r.state
HAVING count(m.id) <> (r.state = 'consumed')::int
    OR coalesce(-sum(m.quantity), 0) <> l.quantity * (r.state = 'consumed')::int
UNION ALL
SELECT 'reservation ' || r.id || ' (' || r.state || '): no lines' FROM inventory_reservation r
WHERE NOT EXISTS (SELECT FROM inventory_reservationline l WHERE l.reservation_id = r.id)
""",
    ),
    Rule(
        id="I14",
        statement=_("Prices are positive minor units of a known currency."),
        sql="""
SELECT 'product ' || id || ': ' || price_minor || ' ' || currency FROM inventory_product
WHERE price_minor <= 0 OR currency <> ALL (%(currencies)s)
""",
        parameters={"currencies": sorted(EXPONENTS)},
    ),
    audited(
        _("Each product has its audit row."),
        action="inventory.product_created",
        changes="SELECT id::text, 1::bigint FROM inventory_product",
    ),
    audited(
        _("Each warehouse has its audit row."),
        action="inventory.warehouse_created",
        changes="SELECT id::text, 1::bigint FROM inventory_warehouse",
    ),
    audited(
        _("Each receipt has its audit row."),
        action="inventory.stock_received",
        changes="SELECT stock_level_id::text, count(*) FROM inventory_stockmovement"
        " WHERE kind = 'receipt' GROUP BY 1",
    ),
    # No command adjusts stock yet, so an adjustment is somebody's raw SQL.
    audited(
        _("Each adjustment has its audit row."),
        action="inventory.stock_adjusted",
        changes="SELECT stock_level_id::text, count(*) FROM inventory_stockmovement"
        " WHERE kind = 'adjustment' GROUP BY 1",
    ),
)
