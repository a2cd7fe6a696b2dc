"""Guards in the database: tenants do not mix, ended reservations and history stay as they are."""

from django.db import migrations

from holo.common.guards import append_only

# Both ends of a reference are of one organisation. Deferred like Django's own foreign keys.
_TENANT_KEYS = [
    ("stocklevel", "product", "(product_id, organization_id)", "product", "(id, organization_id)"),
    ("stocklevel", "warehouse", "(warehouse_id, organization_id)", "warehouse", "(id, organization_id)"),
    (
        "reservationline",
        "stock",
        "(stock_level_id, organization_id, product_id, warehouse_id)",
        "stocklevel",
        "(id, organization_id, product_id, warehouse_id)",
    ),
    (
        "stockmovement",
        "stock",
        "(stock_level_id, organization_id, product_id, warehouse_id)",
        "stocklevel",
        "(id, organization_id, product_id, warehouse_id)",
    ),
]


def _tenant_keys() -> migrations.RunSQL:
    add = [
        f"ALTER TABLE inventory_{table} ADD CONSTRAINT inventory_{table}_same_{name} FOREIGN KEY {columns}"
        f" REFERENCES inventory_{target} {keys} DEFERRABLE INITIALLY DEFERRED;"
        for table, name, columns, target, keys in _TENANT_KEYS
    ]
    drop = [
        f"ALTER TABLE inventory_{table} DROP CONSTRAINT IF EXISTS inventory_{table}_same_{name};"
        for table, name, *_ in _TENANT_KEYS
    ]
    return migrations.RunSQL(sql="\n".join(add), reverse_sql="\n".join(drop))


# The condition is part of the trigger, so an ordinary end of a hold calls no function.
_RESERVATION = """
CREATE FUNCTION inventory_refuse_reservation_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a reservation is never deleted, its owner never changes and it ends once'
        USING ERRCODE = '23514', CONSTRAINT = 'inventory_reservation_ends_once';
END $$;
CREATE TRIGGER inventory_reservation_ends_once BEFORE UPDATE ON inventory_reservation FOR EACH ROW
    WHEN (OLD.state <> 'held'
          OR (OLD.id, OLD.organization_id, OLD.owner_type, OLD.owner_id, OLD.created_at)
             IS DISTINCT FROM (NEW.id, NEW.organization_id, NEW.owner_type, NEW.owner_id, NEW.created_at))
    EXECUTE FUNCTION inventory_refuse_reservation_change();
CREATE TRIGGER inventory_reservation_no_delete BEFORE DELETE ON inventory_reservation FOR EACH ROW
    EXECUTE FUNCTION inventory_refuse_reservation_change();
CREATE TRIGGER inventory_reservation_no_truncate BEFORE TRUNCATE ON inventory_reservation FOR EACH STATEMENT
    EXECUTE FUNCTION inventory_refuse_reservation_change();
ALTER TABLE inventory_reservation ENABLE ALWAYS TRIGGER inventory_reservation_ends_once;
ALTER TABLE inventory_reservation ENABLE ALWAYS TRIGGER inventory_reservation_no_delete;
ALTER TABLE inventory_reservation ENABLE ALWAYS TRIGGER inventory_reservation_no_truncate;
"""
_RESERVATION_REVERSE = """
DROP TRIGGER IF EXISTS inventory_reservation_ends_once ON inventory_reservation;
DROP TRIGGER IF EXISTS inventory_reservation_no_delete ON inventory_reservation;
DROP TRIGGER IF EXISTS inventory_reservation_no_truncate ON inventory_reservation;
DROP FUNCTION IF EXISTS inventory_refuse_reservation_change();
"""

# Once per statement, after it: the reservation may come into being by the very same statement.
_LINES = """
CREATE FUNCTION inventory_check_new_lines() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM added JOIN inventory_reservation r ON r.id = added.reservation_id
               WHERE r.state <> 'held' OR r.organization_id <> added.organization_id) THEN
        RAISE EXCEPTION 'a line is of an open reservation of its own organisation'
            USING ERRCODE = '23514', CONSTRAINT = 'inventory_reservationline_of_open_reservation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER inventory_reservationline_of_open_reservation AFTER INSERT ON inventory_reservationline
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION inventory_check_new_lines();
ALTER TABLE inventory_reservationline
    ENABLE ALWAYS TRIGGER inventory_reservationline_of_open_reservation;
"""
_LINES_REVERSE = """
DROP TRIGGER IF EXISTS inventory_reservationline_of_open_reservation ON inventory_reservationline;
DROP FUNCTION IF EXISTS inventory_check_new_lines();
"""

# Room on each page for the next versions of its rows: a sale then touches no index.
_FILLFACTOR = "ALTER TABLE inventory_stocklevel SET (fillfactor = 50);"


class Migration(migrations.Migration):
    dependencies = [("inventory", "0001_initial")]

    operations = [
        _tenant_keys(),
        migrations.RunSQL(sql=_RESERVATION, reverse_sql=_RESERVATION_REVERSE),
        migrations.RunSQL(sql=_LINES, reverse_sql=_LINES_REVERSE),
        append_only("inventory_reservationline"),
        append_only("inventory_stockmovement"),
        migrations.RunSQL(
            sql=_FILLFACTOR, reverse_sql="ALTER TABLE inventory_stocklevel RESET (fillfactor);"
        ),
    ]
