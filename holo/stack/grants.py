"""What the app role may do: use every table, own none, and never change an append-only one."""

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

# Guarded tables are known by their trigger; see `holo.common.guards`.
GUARD_SUFFIX = "_append_only"
_GUARDED = """
SELECT DISTINCT c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND NOT t.tgisinternal AND t.tgname LIKE %s ORDER BY 1
"""


def grant_app_role(connection: BaseDatabaseWrapper, role: str) -> None:
    """Grant `role` the use of all tables and sequences as the connected owner; again and again if need be."""
    name = connection.ops.quote_name(role)
    with connection.cursor() as cursor:
        cursor.execute(f"GRANT USAGE ON SCHEMA public TO {name}")
        cursor.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {name}")
        cursor.execute(f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {name}")
        for table in guarded_tables(cursor):
            quoted = connection.ops.quote_name(table)
            cursor.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON {quoted} FROM {name}")


def guarded_tables(cursor: CursorWrapper) -> list[str]:
    """Return the tables that only grow."""
    cursor.execute(_GUARDED, ["%" + GUARD_SUFFIX.replace("_", r"\_")])
    return [row[0] for row in cursor.fetchall()]
