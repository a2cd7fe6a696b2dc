"""What each role may do with the tables: the app role writes, readers read, and neither owns one.

The app role uses every table and never changes an append-only one. `holo_auditor` and `holo_checker` are for
people and programs that only read (`docs/deploy.md`): they log in as roles of their own, granted one of them.
"""

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

# Guarded tables are known by their trigger; see `holo.common.guards`.
GUARD_SUFFIX = "_append_only"
_GUARDED = """
SELECT DISTINCT c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND NOT t.tgisinternal AND t.tgname LIKE %s ORDER BY 1
"""
# What opens something, or would if it were guessed back; None for a whole table. Nobody who reads needs it.
SHUT: dict[str, frozenset[str] | None] = {
    "apiauth_apikey": frozenset({"secret_hash"}),
    "apiauth_authorizationcode": frozenset({"code_hash"}),
    "django_session": None,
    "identity_invitation": frozenset({"token_hash"}),
    "identity_user": frozenset({"password"}),
    "orders_payment": frozenset({"token"}),
    "orders_sandboxcharge": frozenset({"token"}),
    "secretstore_secretversion": frozenset({"data_key", "ciphertext"}),
    "staff_loginlimit": None,
    "staff_recoverycode": frozenset({"code_hash"}),
}
# Answers kept for repeated calls are no record of anything; `manage.py verify` looks at them all the same.
_SHUT_TO_AUDITORS: dict[str, frozenset[str] | None] = {**SHUT, "idempotency_idempotencylog": None}
READERS = {"holo_auditor": _SHUT_TO_AUDITORS, "holo_checker": SHUT}
_COLUMNS = """
SELECT a.attname, a.attidentity <> '' FROM pg_attribute a
WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"


def grant_app_role(connection: BaseDatabaseWrapper, role: str) -> None:
    """Grant `role` the use of all tables and sequences as the connected owner; again and again if need be.

    Of an append-only table it reads rows and adds some, but chooses no number of one.
    """
    name = connection.ops.quote_name(role)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"GRANT USAGE ON SCHEMA public TO {name}")
        cursor.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {name}")
        cursor.execute(f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {name}")
        for table in guarded_tables(cursor):
            quoted = connection.ops.quote_name(table)
            given = [column for column, is_identity in _columns(cursor, table) if not is_identity]
            columns = ", ".join(map(connection.ops.quote_name, given))
            cursor.execute(f"REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON {quoted} FROM {name}")
            cursor.execute(f"GRANT INSERT ({columns}) ON {quoted} TO {name}")


def grant_readers(connection: BaseDatabaseWrapper) -> None:
    """Let auditors and checkers, where the server has the roles, read what they may."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_TABLES)
        tables = [row[0] for row in cursor.fetchall()]
        for role in _present_readers(cursor):
            cursor.execute(f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role}")
            cursor.execute(f"GRANT USAGE ON SCHEMA public TO {role}")
            for table in tables:
                shut = READERS[role].get(table, frozenset())
                if shut is None:
                    continue
                open_columns = [name for name, _identity in _columns(cursor, table) if name not in shut]
                columns = ", ".join(map(connection.ops.quote_name, open_columns))
                cursor.execute(f"GRANT SELECT ({columns}) ON {connection.ops.quote_name(table)} TO {role}")


def _present_readers(cursor: CursorWrapper) -> list[str]:
    """Return which of the roles that only read the server has."""
    cursor.execute("SELECT rolname FROM pg_roles WHERE rolname = ANY(%s) ORDER BY 1", [list(READERS)])
    return [row[0] for row in cursor.fetchall()]


def guarded_tables(cursor: CursorWrapper) -> list[str]:
    """Return the tables that only grow."""
    cursor.execute(_GUARDED, ["%" + GUARD_SUFFIX.replace("_", r"\_")])
    return [row[0] for row in cursor.fetchall()]


def _columns(cursor: CursorWrapper, table: str) -> list[tuple[str, bool]]:
    """Return a table's columns, each with whether the database numbers it."""
    cursor.execute(_COLUMNS, [f'public."{table}"'])
    return [(name, bool(is_identity)) for name, is_identity in cursor.fetchall()]
