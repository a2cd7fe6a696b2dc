"""`manage.py migrate` as the owner of the tables, one at a time, granting the app role its use of them.

It adds rights and takes none away, so that processes of the version before go on; `--tighten`, once all run
this version, takes away what its models do not declare.

Of all that is weak it refuses published passwords of the roles alone: no other process knows the owner's.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.core.management.commands.migrate import Command as MigrateCommand
from django.db import OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from holo.common.weak_settings import weak_settings
from holo.server_urls import database
from holo.stack.fences import fence_tables
from holo.stack.grants import grant_app_role, grant_readers
from holo.stack.process import explain

BAD_INPUT = 2
# Any number that nobody else locks in this database.
_LOCK = 7_150_211


class Command(MigrateCommand):
    """Migrate as the owner; two at once wait for each other."""

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare one more option."""
        super().add_arguments(parser)
        parser.add_argument(
            "--tighten",
            action="store_true",
            help="also take from the app role what this version does not need; when all processes run it",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Switch to the owner, migrate, grant, and switch back."""
        if weak := weak_settings("DATABASE_URL", "MIGRATE_DATABASE_URL"):
            raise CommandError("; ".join(one.line for one in weak), returncode=BAD_INPUT)
        connection = connections[options["database"]]
        app_role = str(connection.settings_dict["USER"])
        with _as_owner(connection):
            try:
                connection.ensure_connection()
            except OperationalError as error:
                raise CommandError(f"PostgreSQL: {explain(str(error))}") from None
            if options["check_unapplied"] or options["plan"]:
                super().handle(*args, **options)
                return
            with _lock(connection):
                _refusing_names(super().handle, *args, **options)
                if app_role and app_role != connection.settings_dict["USER"]:
                    grant_app_role(connection, app_role, tighten=options["tighten"])
                    grant_readers(connection)
                    with connection.cursor() as cursor:
                        fence_tables(cursor)


def _refusing_names(migrate: Callable[..., object], *args: Any, **options: Any) -> None:
    """Migrate; an app or a migration that does not exist is bad input."""
    try:
        migrate(*args, **options)
    except CommandError as error:
        if options.get("app_label"):
            error.returncode = BAD_INPUT
        raise


@contextmanager
def _as_owner(connection: BaseDatabaseWrapper) -> Iterator[None]:
    url = getattr(settings, "MIGRATE_DATABASE_URL", "") or os.environ.get("MIGRATE_DATABASE_URL", "")
    before = connection.settings_dict
    if not url:
        yield
        return
    connection.close()
    owner = database(url)
    # The database stays the connection's: a test runs the same migrations in one of its own.
    connection.settings_dict = {**before, **{key: owner[key] for key in ("USER", "PASSWORD", "HOST", "PORT")}}
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict = before


@contextmanager
def _lock(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Hold a session lock: migrations commit one by one, so a transaction's lock would not last."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
    try:
        yield
    finally:
        if connection.connection is not None and not connection.connection.closed:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])
