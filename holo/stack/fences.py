"""Row-level security: whoever is fenced in sees no row of another organisation, whatever a query forgets.

https://www.postgresql.org/docs/current/ddl-rowsecurity.html. The owner of the tables and superusers are not
bound by it: migrations, backups and the checks of foreign keys see everything.
"""

from dataclasses import dataclass

from django.db.backends.utils import CursorWrapper

POLICY = "holo_organization"
# They say who calls and where people belong, and so are asked before it is known whose rows are meant.
OPEN = ("apiauth_apikey", "identity_membership")
_SETTING = "nullif(current_setting('holo.organizations', true), '')"
# Each sub-select is worked out once for a statement, not for every row.
_OWN = f"""(
    (SELECT {_SETTING}) IS NULL OR organization_id IS NULL
    OR organization_id = ANY ((SELECT string_to_array({_SETTING}, ',')::uuid[])::uuid[])
)"""
# Tables with an organisation, and those that belong to a row of such a table by a foreign key.
_TABLES = """
WITH fenced AS (
    SELECT c.oid, c.relname, c.relrowsecurity FROM pg_class c
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'organization_id' AND NOT a.attisdropped
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname <> ALL(%(open)s)
), parts AS (
    SELECT DISTINCT ON (c.oid) c.oid, c.relname, c.relrowsecurity,
        quote_ident(f.relname) AS whole, quote_ident(a.attname) AS link
    FROM pg_constraint k JOIN fenced f ON f.oid = k.confrelid JOIN pg_class c ON c.oid = k.conrelid
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.conkey[1]
    WHERE k.contype = 'f' AND cardinality(k.conkey) = 1 AND NOT EXISTS (SELECT FROM pg_attribute o
        WHERE o.attrelid = c.oid AND o.attname = 'organization_id' AND NOT o.attisdropped)
    ORDER BY c.oid, k.conname
), every AS (
    SELECT oid, relname, relrowsecurity, '' AS whole, '' AS link FROM fenced
    UNION ALL SELECT oid, relname, relrowsecurity, whole, link FROM parts
)
SELECT quote_ident(e.relname), e.whole, e.link,
    e.relrowsecurity AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = e.oid AND p.polname = %(policy)s)
FROM every e ORDER BY e.relname
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of organisations' rows; of `whole` one row is what `link` names, where it has no own column."""

    name: str
    whole: str
    link: str
    is_fenced: bool


def tables_of_organizations(cursor: CursorWrapper) -> list[Table]:
    """Return the tables whose rows are somebody's."""
    cursor.execute(_TABLES, {"open": list(OPEN), "policy": POLICY})
    return [Table(name=row[0], whole=row[1], link=row[2], is_fenced=row[3]) for row in cursor.fetchall()]


def fence_tables(cursor: CursorWrapper) -> None:
    """Fence in, as their owner, the tables that are not yet; what is fenced already is not locked."""
    for table in tables_of_organizations(cursor):
        if table.is_fenced:
            continue
        visible = _OWN
        if table.whole:
            # What of the whole is seen is up to its own policy.
            visible = f"(EXISTS (SELECT FROM {table.whole} w WHERE w.id = {table.name}.{table.link}))"
        cursor.execute(f"DROP POLICY IF EXISTS {POLICY} ON {table.name}")
        cursor.execute(f"CREATE POLICY {POLICY} ON {table.name} USING {visible} WITH CHECK {visible}")
        cursor.execute(f"ALTER TABLE {table.name} ENABLE ROW LEVEL SECURITY")
