"""What each role may do with the tables: the app role writes what models declare, readers read.

Neither owns one. `holo_auditor` and `holo_checker` are for people and programs that only read
(`docs/deploy.md`): they log in as roles of their own, granted one of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.apps import apps
from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from holo.common.records import Record

# Guarded tables are known by their trigger; see `holo.common.guards`.
GUARD_SUFFIX = "_append_only"
_GUARDED = """
SELECT DISTINCT c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND NOT t.tgisinternal AND t.tgname LIKE %s ORDER BY 1
"""
# Tables that nobody who reads needs; `Record.shut` names such columns of the others.
_SHUT_TABLES = frozenset({"django_session", "staff_loginlimit"})
# Answers kept for repeated calls are no record of anything; `manage.py verify` looks at them all the same.
READERS = {"holo_auditor": _SHUT_TABLES | {"idempotency_idempotencylog"}, "holo_checker": _SHUT_TABLES}
_COLUMNS = """
SELECT a.attname, a.attidentity <> '' FROM pg_attribute a
WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """What the app role may do with a table besides reading it and adding rows."""

    update: frozenset[str] = frozenset()
    delete: bool = False
    insert: bool = True


_READ_ONLY = Rights(insert=False)
# The tables of Django, whose models declare nothing. Permissions and kinds of content are migrate's.
_OF_DJANGO: dict[str, Rights] = {
    "auth_group": Rights(update=frozenset({"name"}), delete=True),
    "auth_permission": _READ_ONLY,
    # A person who is erased leaves these two; who did what to which row, and when, stays.
    "django_admin_log": Rights(update=frozenset({"object_repr", "change_message"})),
    "django_content_type": _READ_ONLY,
    "django_migrations": _READ_ONLY,
    "django_session": Rights(update=frozenset({"session_data", "expire_date"}), delete=True),
}
_RIGHTS = """
SELECT c.relname, has_table_privilege(%(role)s, c.oid, 'SELECT'),
    has_any_column_privilege(%(role)s, c.oid, 'INSERT'), has_table_privilege(%(role)s, c.oid, 'DELETE'),
    ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0
          AND NOT a.attisdropped AND has_column_privilege(%(role)s, c.oid, a.attnum, 'UPDATE'))
FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' ORDER BY 1
"""


def declared_rights() -> Mapping[str, Rights]:
    """Return, by table, what models declare (`holo.common.records`); links between two rows come and go."""
    declared = dict(_OF_DJANGO)
    for model in apps.get_models(include_auto_created=True):
        if issubclass(model, Record):
            fields = model._meta.concrete_fields
            columns = frozenset(str(field.column) for field in fields if field.name in model.mutable)
            declared[model._meta.db_table] = Rights(update=columns, delete=model.deletable)
        elif model._meta.auto_created:
            declared[model._meta.db_table] = Rights(delete=True)
    return declared


def wider_than_declared(cursor: CursorWrapper, role: str) -> list[str]:
    """Return the tables of which `role` may change more than is declared."""
    declared = declared_rights()
    cursor.execute(_RIGHTS, {"role": role})
    wider = []
    for table, _reads, inserts, deletes, updates in cursor.fetchall():
        rights = declared.get(table, _READ_ONLY)
        if (inserts and not rights.insert) or (deletes and not rights.delete) or set(updates) - rights.update:
            wider.append(table)
    return wider


def grant_app_role(connection: BaseDatabaseWrapper, role: str, *, tighten: bool) -> None:
    """Grant `role` the declared use of all tables and sequences, as the connected owner.

    What it could do before it can do until `tighten`: a process of the version before may still need it.
    A new table has only what is declared from the start. Of an append-only one no row's number is chosen.
    """
    name = connection.ops.quote_name(role)
    declared = declared_rights()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"GRANT USAGE ON SCHEMA public TO {name}")
        cursor.execute(f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {name}")
        cursor.execute(f"GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO {name}")
        guarded = set(guarded_tables(cursor))
        cursor.execute(_RIGHTS, {"role": role})
        for table, reads, *_rest in cursor.fetchall():
            quoted = connection.ops.quote_name(table)
            if tighten or table in guarded or not reads:
                cursor.execute(f"REVOKE ALL ON {quoted} FROM {name}")
            columns = _columns(cursor, table)
            given = [column for column, is_identity in columns if not is_identity]
            rights = declared.get(table, _READ_ONLY)
            # On the way back to an older schema some are not there any more.
            updated = rights.update.intersection(column for column, _is_identity in columns)
            privileges = ["SELECT"]
            if rights.insert:
                privileges.append(f"INSERT{_list(connection, given)}" if table in guarded else "INSERT")
            if updated:
                privileges.append(f"UPDATE{_list(connection, sorted(updated))}")
            if rights.delete:
                privileges.append("DELETE")
            cursor.execute(f"GRANT {', '.join(privileges)} ON {quoted} TO {name}")


def _list(connection: BaseDatabaseWrapper, columns: Sequence[str]) -> str:
    return f" ({', '.join(map(connection.ops.quote_name, columns))})"


def shut_columns() -> dict[str, frozenset[str]]:
    """Return, by table, the columns that the models declare shut."""
    return {
        model._meta.db_table: frozenset(
            str(field.column) for field in model._meta.concrete_fields if field.name in model.shut
        )
        for model in apps.get_models()
        if issubclass(model, Record) and model.shut
    }


def grant_readers(connection: BaseDatabaseWrapper) -> None:
    """Let auditors and checkers, where the server has the roles, read what they may."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_TABLES)
        tables = [row[0] for row in cursor.fetchall()]
        columns_shut = shut_columns()
        for role in _present_readers(cursor):
            cursor.execute(f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role}")
            cursor.execute(f"GRANT USAGE ON SCHEMA public TO {role}")
            for table in tables:
                if table in READERS[role]:
                    continue
                shut = columns_shut.get(table, frozenset())
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
