"""Rows as no command leaves them: years old, or damaged.

They are written with the owner's rights, in the test's transaction, by a function that only its database has.
"""

from typing import Any

import psycopg
from django.db import connection
from django.db.models import QuerySet
from django.db.models.sql.subqueries import UpdateQuery

FUNCTION = """
CREATE SCHEMA tests;
GRANT USAGE ON SCHEMA tests TO PUBLIC;
CREATE FUNCTION tests.as_owner(statement text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    EXECUTE statement;
END $$;
"""


def plant(rows: QuerySet[Any], **values: Any) -> None:
    """Update rows as `QuerySet.update` does, frozen columns too; the triggers stand."""
    query: Any = rows.query.chain(UpdateQuery)
    query.add_update_values(values)
    statement, parameters = query.get_compiler(connection=connection).as_sql()
    as_owner(statement, parameters)


def plant_in(row: Any, **values: Any) -> None:
    """Update one row, and the object at hand."""
    plant(type(row)._base_manager.filter(pk=row.pk), **values)
    row.refresh_from_db()


def as_owner(statement: str, parameters: Any = ()) -> None:
    """Run a statement with the rights of the owner of the tables."""
    connection.ensure_connection()
    written = psycopg.ClientCursor(connection.connection).mogrify(statement, parameters)
    with connection.cursor() as cursor:
        cursor.execute("SELECT tests.as_owner(%s)", [written])
