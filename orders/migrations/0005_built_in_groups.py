"""A guard in the database: the groups that the product needs are neither renamed nor deleted."""

from django.db import migrations

_KEEP = """
CREATE FUNCTION orders_keep_built_in_groups() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the group % is built in', OLD.name
        USING ERRCODE = '23514', CONSTRAINT = 'orders_built_in_group_kept';
END $$;
CREATE TRIGGER orders_built_in_group_kept_u BEFORE UPDATE ON auth_group FOR EACH ROW
    WHEN (OLD.name IN ('viewer', 'operator', 'auditor') AND NEW.name <> OLD.name)
    EXECUTE FUNCTION orders_keep_built_in_groups();
CREATE TRIGGER orders_built_in_group_kept_d BEFORE DELETE ON auth_group FOR EACH ROW
    WHEN (OLD.name IN ('viewer', 'operator', 'auditor')) EXECUTE FUNCTION orders_keep_built_in_groups();
ALTER TABLE auth_group ENABLE ALWAYS TRIGGER orders_built_in_group_kept_u;
ALTER TABLE auth_group ENABLE ALWAYS TRIGGER orders_built_in_group_kept_d;
"""
_KEEP_NONE = """
DROP TRIGGER IF EXISTS orders_built_in_group_kept_u ON auth_group;
DROP TRIGGER IF EXISTS orders_built_in_group_kept_d ON auth_group;
DROP FUNCTION IF EXISTS orders_keep_built_in_groups();
"""


class Migration(migrations.Migration):
    """Puts the guard in place."""

    dependencies = [("orders", "0004_no_addresses"), ("auth", "0012_alter_user_first_name_max_length")]

    operations = [migrations.RunSQL(sql=_KEEP, reverse_sql=_KEEP_NONE)]
