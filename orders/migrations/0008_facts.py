"""Guards in the database: order and time of a timeline, what is set once, handovers of what is paid."""

from importlib import import_module

from django.db import migrations

from holo.common.guards import set_once, stamped, validate_same_organization

_KEYS = import_module("orders.migrations.0007_of_one_organization").KEYS

# The order is locked by whoever adds an entry, so the last entry stays the last.
_TIMELINE = """
CREATE FUNCTION orders_check_event() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    last record;
BEGIN
    SELECT version, created_at INTO last FROM orders_orderevent
        WHERE order_id = NEW.order_id ORDER BY version DESC LIMIT 1;
    IF NEW.version <> coalesce(last.version, 0) + 1 THEN
        RAISE EXCEPTION 'entry % of a timeline cannot follow entry %', NEW.version, coalesce(last.version, 0)
            USING ERRCODE = '23514', CONSTRAINT = 'orders_orderevent_next';
    END IF;
    -- A clock that was set back must not turn the order of two entries around.
    NEW.created_at := greatest(clock_timestamp(), last.created_at);
    RETURN NEW;
END $$;
CREATE TRIGGER orders_orderevent_next BEFORE INSERT ON orders_orderevent
    FOR EACH ROW EXECUTE FUNCTION orders_check_event();
"""
_NO_TIMELINE = """
DROP TRIGGER IF EXISTS orders_orderevent_next ON orders_orderevent;
DROP FUNCTION IF EXISTS orders_check_event();
"""

_PAID = """
CREATE FUNCTION orders_check_handover() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM orders_payment WHERE order_id = NEW.order_id AND state = 'captured') THEN
        RAISE EXCEPTION 'an order that is not paid is not handed over'
            USING ERRCODE = '23514', CONSTRAINT = 'orders_orderhandover_paid';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER orders_orderhandover_paid BEFORE INSERT ON orders_orderhandover
    FOR EACH ROW EXECUTE FUNCTION orders_check_handover();
ALTER TABLE orders_orderhandover ENABLE ALWAYS TRIGGER orders_orderhandover_paid;
"""
_NOT_PAID = """
DROP TRIGGER IF EXISTS orders_orderhandover_paid ON orders_orderhandover;
DROP FUNCTION IF EXISTS orders_check_handover();
"""

# Erasing a person renames the buyer that they are; a label names the address, so it stays from then on.
_ORDER = """
CREATE FUNCTION orders_refuse_order_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.buyer <> OLD.buyer AND NEW.buyer NOT LIKE 'deleted-%@deleted.invalid' THEN
        RAISE EXCEPTION 'an order stays its buyer''s'
            USING ERRCODE = '23514', CONSTRAINT = 'orders_order_buyer_stays';
    END IF;
    IF NEW.ship_to IS DISTINCT FROM OLD.ship_to AND EXISTS (
            SELECT FROM orders_shipment WHERE order_id = OLD.id AND submitted_at IS NOT NULL) THEN
        RAISE EXCEPTION 'a label was asked for: the address stays'
            USING ERRCODE = '23514', CONSTRAINT = 'orders_order_address_stays';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER orders_order_facts BEFORE UPDATE OF buyer, ship_to ON orders_order FOR EACH ROW
    WHEN (NEW.buyer <> OLD.buyer OR NEW.ship_to IS DISTINCT FROM OLD.ship_to)
    EXECUTE FUNCTION orders_refuse_order_change();
ALTER TABLE orders_order ENABLE ALWAYS TRIGGER orders_order_facts;
"""
_ORDER_FREE = """
DROP TRIGGER IF EXISTS orders_order_facts ON orders_order;
DROP FUNCTION IF EXISTS orders_refuse_order_change();
"""


class Migration(migrations.Migration):
    """Puts the guards in place, and looks whether the rows that are there keep the keys of 0007."""

    dependencies = [("orders", "0007_of_one_organization")]

    operations = [
        *(validate_same_organization(table, column) for table, column, _target in _KEYS),
        migrations.RunSQL(sql=_TIMELINE, reverse_sql=_NO_TIMELINE),
        migrations.RunSQL(sql=_PAID, reverse_sql=_NOT_PAID),
        migrations.RunSQL(sql=_ORDER, reverse_sql=_ORDER_FREE),
        stamped("orders_orderabort"),
        stamped("orders_orderhandover"),
        set_once("orders_payment", "submitted_at", "captured_at", "refunded_at"),
        set_once("orders_shipment", "submitted_at", "ready_at", "handed_over_at", "voided_at"),
        set_once("orders_parkedstep", "resolved_at"),
    ]
