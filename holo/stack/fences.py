"""Row-level security: whoever is fenced in sees no row of another organisation, whatever a query forgets.

https://www.postgresql.org/docs/current/ddl-rowsecurity.html. The owner of the tables and superusers are not
bound by it: migrations, backups and the checks of foreign keys see everything.
"""

import hashlib
from dataclasses import dataclass

from django.db import transaction
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
# Tables with an organisation, and those that belong to a row of such a table by a foreign key, however far.
_TABLES = """
WITH RECURSIVE owned AS (
    SELECT attrelid AS oid FROM pg_attribute WHERE attname = 'organization_id' AND NOT attisdropped
), every AS (
    SELECT c.oid, ''::text AS whole, ''::text AS link FROM pg_class c JOIN owned ON owned.oid = c.oid
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname <> ALL(%(open)s)
    UNION
    SELECT c.oid, e.oid::regclass::text, quote_ident(a.attname) COLLATE "default" FROM every e
    JOIN pg_constraint k ON k.confrelid = e.oid AND k.contype = 'f' AND cardinality(k.conkey) = 1
    JOIN pg_class c ON c.oid = k.conrelid AND c.oid <> e.oid
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.conkey[1]
    WHERE NOT EXISTS (SELECT FROM owned WHERE owned.oid = c.oid)
)
SELECT DISTINCT ON (c.relname) e.oid::regclass::text, e.whole, e.link,
    CASE WHEN c.relrowsecurity THEN obj_description(p.oid, 'pg_policy') END
FROM every e JOIN pg_class c ON c.oid = e.oid
LEFT JOIN pg_policy p ON p.polrelid = e.oid AND p.polname = %(policy)s
ORDER BY c.relname, e.whole, e.link
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of organisations' rows; of `whole` one row is what `link` names, where it has no own column."""

    name: str
    whole: str
    link: str
    fenced_by: str | None

    @property
    def visible(self) -> str:
        """Return which rows are seen; of a part that is up to the policy of its whole."""
        if not self.whole:
            return _OWN
        return f"(EXISTS (SELECT FROM {self.whole} w WHERE w.id = {self.name}.{self.link}))"

    @property
    def mark(self) -> str:
        """Return what the policy's comment must be, so that a policy of another version is made anew."""
        return hashlib.sha256(self.visible.encode()).hexdigest()[:16]

    @property
    def is_fenced(self) -> bool:
        """Tell whether the table has the policy that it should have."""
        return self.fenced_by == self.mark


def tables_of_organizations(cursor: CursorWrapper) -> list[Table]:
    """Return the tables whose rows are somebody's."""
    cursor.execute(_TABLES, {"open": list(OPEN), "policy": POLICY})
    return [Table(name=row[0], whole=row[1], link=row[2], fenced_by=row[3]) for row in cursor.fetchall()]


def fence_tables(cursor: CursorWrapper) -> None:
    """Fence in, as their owner, the tables that are not yet; what is fenced already is not locked."""
    for table in tables_of_organizations(cursor):
        if table.is_fenced:
            continue
        # In one transaction, or nothing would be seen of the table for a moment.
        with transaction.atomic():
            cursor.execute(f"DROP POLICY IF EXISTS {POLICY} ON {table.name}")
            cursor.execute(
                f"CREATE POLICY {POLICY} ON {table.name} USING {table.visible} WITH CHECK {table.visible}"
            )
            cursor.execute(f"COMMENT ON POLICY {POLICY} ON {table.name} IS '{table.mark}'")
            cursor.execute(f"ALTER TABLE {table.name} ENABLE ROW LEVEL SECURITY")
