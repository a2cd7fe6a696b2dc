"""Order numbers, append-only timelines, the table of statuses, and abort against handover."""

from django.db import migrations

from holo.common.guards import append_only

# A frozen copy of orders.states.TRANSITIONS; a test holds the two together.
TRANSITIONS = [
    ("placed", "out_of_stock"),
    ("placed", "awaiting_approval"),
    ("placed", "awaiting_payment"),
    ("placed", "cancelled"),
    ("placed", "needs_attention"),
    ("awaiting_approval", "awaiting_payment"),
    ("awaiting_approval", "rejected"),
    ("awaiting_approval", "cancelled"),
    ("awaiting_approval", "needs_attention"),
    ("awaiting_payment", "fulfilling"),
    ("awaiting_payment", "payment_failed"),
    ("awaiting_payment", "cancelled"),
    ("awaiting_payment", "needs_attention"),
    ("fulfilling", "completed"),
    ("fulfilling", "refunded"),
    ("fulfilling", "cancelled"),
    ("fulfilling", "needs_attention"),
    ("needs_attention", "placed"),
    ("needs_attention", "awaiting_approval"),
    ("needs_attention", "awaiting_payment"),
    ("needs_attention", "fulfilling"),
]
_PAIRS = ", ".join(f"('{before}', '{after}')" for before, after in TRANSITIONS)

GUARDS = f"""
CREATE SEQUENCE orders_order_number_seq;

CREATE FUNCTION orders_check_transition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.status, NEW.status) NOT IN ({_PAIRS}) THEN
        RAISE EXCEPTION 'an order cannot go from % to %', OLD.status, NEW.status
            USING ERRCODE = '23514', CONSTRAINT = 'orders_order_transition';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER orders_order_transition BEFORE UPDATE OF status ON orders_order
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION orders_check_transition();
ALTER TABLE orders_order ENABLE ALWAYS TRIGGER orders_order_transition;

CREATE FUNCTION orders_check_outcome() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Both rows are written under the order's lock; taking it here guards writers who did not.
    PERFORM 1 FROM orders_order WHERE id = NEW.order_id FOR NO KEY UPDATE;
    IF (TG_TABLE_NAME = 'orders_orderabort'
            AND EXISTS (SELECT 1 FROM orders_orderhandover WHERE order_id = NEW.order_id))
        OR (TG_TABLE_NAME = 'orders_orderhandover'
            AND EXISTS (SELECT 1 FROM orders_orderabort WHERE order_id = NEW.order_id)) THEN
        RAISE EXCEPTION 'an order is either given up or handed over'
            USING ERRCODE = '23514', CONSTRAINT = 'orders_order_one_outcome';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER orders_orderabort_one_outcome BEFORE INSERT ON orders_orderabort
    FOR EACH ROW EXECUTE FUNCTION orders_check_outcome();
CREATE TRIGGER orders_orderhandover_one_outcome BEFORE INSERT ON orders_orderhandover
    FOR EACH ROW EXECUTE FUNCTION orders_check_outcome();
ALTER TABLE orders_orderabort ENABLE ALWAYS TRIGGER orders_orderabort_one_outcome;
ALTER TABLE orders_orderhandover ENABLE ALWAYS TRIGGER orders_orderhandover_one_outcome;
"""

UNDO = """
DROP TRIGGER orders_order_transition ON orders_order;
DROP TRIGGER orders_orderabort_one_outcome ON orders_orderabort;
DROP TRIGGER orders_orderhandover_one_outcome ON orders_orderhandover;
DROP FUNCTION orders_check_transition();
DROP FUNCTION orders_check_outcome();
DROP SEQUENCE orders_order_number_seq;
"""


class Migration(migrations.Migration):
    dependencies = [("orders", "0001_initial")]

    operations = [
        migrations.RunSQL(GUARDS, UNDO),
        append_only("orders_orderevent"),
        append_only("orders_orderline"),
        append_only("orders_orderabort"),
        append_only("orders_orderhandover"),
        append_only("orders_shipmentline"),
    ]
