"""SQL of the database guards that migrations install."""

from django.db import migrations

_REFUSE_FUNCTION = """
CREATE OR REPLACE FUNCTION holo_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME
        USING ERRCODE = '23514', CONSTRAINT = TG_TABLE_NAME || '_append_only';
END $$;
"""


def rewrite_append_only(table: str, statement: str) -> migrations.RunSQL:
    """Return the operation that changes rows of `table` once, as its owner: the guard is off for it alone."""
    return migrations.RunSQL(
        sql=f"""
        ALTER TABLE {table} DISABLE TRIGGER {table}_append_only;
        {statement};
        ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_append_only;
        """,
        reverse_sql=migrations.RunSQL.noop,
    )


def append_only(table: str) -> migrations.RunSQL:
    """Return the operation that refuses UPDATE, DELETE and TRUNCATE of `table`, for every role.

    ENABLE ALWAYS, so that `session_replication_role = replica` does not lift it. The error is SQLSTATE 23514,
    which Django shows as IntegrityError.
    """
    return migrations.RunSQL(
        sql=f"""{_REFUSE_FUNCTION}
        CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}
            FOR EACH ROW EXECUTE FUNCTION holo_refuse_change();
        CREATE TRIGGER {table}_no_truncate_append_only BEFORE TRUNCATE ON {table}
            FOR EACH STATEMENT EXECUTE FUNCTION holo_refuse_change();
        ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_append_only;
        ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_no_truncate_append_only;
        """,
        reverse_sql=f"""
        DROP TRIGGER IF EXISTS {table}_append_only ON {table};
        DROP TRIGGER IF EXISTS {table}_no_truncate_append_only ON {table};
        """,
    )
