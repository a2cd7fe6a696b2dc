"""Each organisation numbers its orders by a sequence of its own, so a number tells nothing about others.

The sequences are the owner's: the app role makes none. A counter in a row would be locked by every order until
its commit; a sequence is not, and leaves gaps. `orders_order_number_seq` stays for processes of the version
before; who has orders already goes on far above what those may still give out.
"""

from django.db import migrations

_NUMBERS = """
CREATE FUNCTION orders_sequence(organization uuid) RETURNS text LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
    SELECT 'public.orders_number_' || replace(organization::text, '-', '');
$$;

CREATE FUNCTION orders_add_sequence() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    EXECUTE 'CREATE SEQUENCE ' || public.orders_sequence(NEW.id);
    RETURN NEW;
END $$;
CREATE TRIGGER orders_add_sequence AFTER INSERT ON identity_organization
    FOR EACH ROW EXECUTE FUNCTION orders_add_sequence();
ALTER TABLE identity_organization ENABLE ALWAYS TRIGGER orders_add_sequence;

CREATE FUNCTION orders_next_number(organization uuid) RETURNS bigint LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT nextval(public.orders_sequence(organization)::regclass);
$$;
-- `manage.py migrate` lets the app role call it; those who only read must not use numbers up.
REVOKE EXECUTE ON FUNCTION orders_next_number(uuid) FROM PUBLIC;

DO $$
DECLARE
    one record;
    above bigint;
BEGIN
    SELECT last_value + 1000 INTO above FROM orders_order_number_seq;
    FOR one IN SELECT id, EXISTS (SELECT FROM orders_order WHERE organization_id = o.id) AS has_orders
               FROM identity_organization o LOOP
        EXECUTE format('CREATE SEQUENCE %s START %s', orders_sequence(one.id),
                       CASE WHEN one.has_orders THEN above ELSE 1 END);
    END LOOP;
END $$;
"""
_NO_NUMBERS = """
DROP TRIGGER IF EXISTS orders_add_sequence ON identity_organization;
DO $$
DECLARE
    one record;
BEGIN
    FOR one IN SELECT id FROM identity_organization LOOP
        EXECUTE 'DROP SEQUENCE IF EXISTS ' || orders_sequence(one.id);
    END LOOP;
END $$;
DROP FUNCTION IF EXISTS orders_next_number(uuid);
DROP FUNCTION IF EXISTS orders_add_sequence();
DROP FUNCTION IF EXISTS orders_sequence(uuid);
"""


class Migration(migrations.Migration):
    """Makes the sequences of the organisations that there are, and has one made with each new one."""

    dependencies = [("orders", "0008_facts")]

    operations = [migrations.RunSQL(sql=_NUMBERS, reverse_sql=_NO_NUMBERS)]
