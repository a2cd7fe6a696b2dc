"""What a production installation refuses to start with: settings that are weak, a role that is too strong,
commits that a crash may lose.

A database that does not answer yet is no reason not to start; its processes wait for it.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connection
from django.utils.translation import gettext as _

from holo.common.weak_settings import weak_settings

logger = logging.getLogger(__name__)

_DURABLE = ("fsync", "full_page_writes", "synchronous_commit")
_ROLE = """
SELECT current_setting('is_superuser') = 'on', has_database_privilege(current_database(), 'TEMP'),
    (SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = 'public' AND c.relkind = 'r' AND pg_has_role(c.relowner, 'MEMBER')),
    (SELECT rolbypassrls FROM pg_roles WHERE rolname = current_user)
"""
# Settings that a role or database may have been given, and that every connection then starts with: guards and
# row-level security left out, names looked up elsewhere, transactions of another kind.
_WEAKENING = (
    "default_transaction_isolation",
    "default_transaction_read_only",
    "holo.organizations",
    "role",
    "row_security",
    "search_path",
    "session_replication_role",
)
_USUAL = ("search_path=public", 'search_path="$user", public')
# Those of the role that the product uses, of the owner of the tables, and of everybody.
_GIVEN = """
SELECT coalesce(r.rolname, '*'), given FROM pg_db_role_setting s
CROSS JOIN unnest(s.setconfig) given
LEFT JOIN pg_roles r ON r.oid = s.setrole
WHERE s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
  AND (s.setrole = 0 OR r.rolname = current_user
       OR s.setrole = (SELECT relowner FROM pg_class WHERE oid = to_regclass('django_migrations')))
  AND split_part(given, '=', 1) = ANY (%s) AND given <> ALL (%s)
ORDER BY 1, 2
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """What the role of this connection may do.

    `makes_temporary`: it may make temporary tables, which would swallow what is meant for an append-only one
    of the same name. `passes_fences`: it sees the rows of all organisations, whatever the policies say.
    """

    superuser: bool
    makes_temporary: bool
    owned_tables: int
    passes_fences: bool


def current_role() -> Role:
    """Ask the database about the role that the product uses."""
    with connection.cursor() as cursor:
        cursor.execute(_ROLE)
        superuser, makes_temporary, owned, passes = cursor.fetchone() or (False, False, 0, False)
    return Role(
        superuser=superuser, makes_temporary=makes_temporary, owned_tables=owned, passes_fences=passes
    )


def lossy_settings() -> list[str]:
    """Return the settings of the server that let a crash of the machine take acknowledged commits."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name FROM pg_settings WHERE setting = 'off' AND name = ANY(%s) ORDER BY 1",
            [list(_DURABLE)],
        )
        return [row[0] for row in cursor.fetchall()]


def weakening_settings() -> list[str]:
    """Return the settings of roles and of the database with which connections start that weaken guards."""
    with connection.cursor() as cursor:
        cursor.execute(_GIVEN, [list(_WEAKENING), list(_USUAL)])
        return [f"{role}: {given}" for role, given in cursor.fetchall()]


def refuse_unfit_database() -> None:
    """Raise ImproperlyConfigured, with all that is wrong in one line, where orders would not be safe.

    That is where a setting is weak (holo/common/weak_settings.py) and where the database is not fit. With
    DEBUG=1 nothing is asked. One address for everything (no MIGRATE_DATABASE_URL) is the operator's choice,
    and `doctor` says that the fence is off; a superuser is refused all the same.
    """
    if settings.DEBUG:
        return
    problems = [weak.line for weak in weak_settings() if weak.refused]
    try:
        problems += _problems()
    except DatabaseError:
        logger.warning("the database is not looked at before the start: PostgreSQL does not answer")
    finally:
        connection.close()
    if problems:
        raise ImproperlyConfigured("; ".join(problems))


def _problems() -> Iterator[str]:
    role = current_role()
    if role.superuser:
        yield _("DATABASE_URL names a superuser, whom no guard of the database stops")
    elif settings.MIGRATE_DATABASE_URL and role.owned_tables:
        yield _("DATABASE_URL names the owner of the tables; give it a role that owns none")
    elif settings.MIGRATE_DATABASE_URL and role.makes_temporary:
        yield _("the role of DATABASE_URL may make temporary tables; REVOKE TEMP ON DATABASE … FROM PUBLIC")
    elif settings.MIGRATE_DATABASE_URL and role.passes_fences:
        yield _("the role of DATABASE_URL passes row-level security; ALTER ROLE … NOBYPASSRLS")
    if lossy := lossy_settings():
        yield _("PostgreSQL runs with %(names)s off: a crash would lose commits") % {
            "names": ", ".join(lossy)
        }
