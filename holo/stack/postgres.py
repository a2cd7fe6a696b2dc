"""The embedded PostgreSQL server with its two roles: the owner migrates, the app role owns nothing."""

import signal
from collections.abc import Mapping
from pathlib import Path

import psycopg
from django.utils.translation import gettext as _
from psycopg import sql

from holo.stack import postgres_data
from holo.stack.errors import StackError
from holo.stack.grants import READERS
from holo.stack.ports import LOOPBACK
from holo.stack.postgres_binaries import PostgresBinaries, find_binaries, reachable_copy
from holo.stack.postgres_data import Secrets
from holo.stack.process import Launch, Server
from holo.stack.rootless import Identity, Way, unprivileged_identity

OWNER = "holo_owner"
APP = "holo_app"
DATABASE = "holo"
# For throw-away servers: nothing survives a power cut, and nothing has to.
_CARELESS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class PostgresServer(Server):
    """A PostgreSQL server on the loopback, its data in one folder; `durable=False` is for throw-away data."""

    name = "postgres"

    def __init__(
        self,
        data_dir: Path,
        *,
        port: int,
        durable: bool = True,
        settings: Mapping[str, str] | None = None,
        identity_way: Way | None = None,
    ) -> None:
        super().__init__(log=data_dir.with_name(data_dir.name + ".log"))
        self.data_dir = data_dir
        self.port = port
        self.durable = durable
        self.settings = {**({} if durable else _CARELESS), **(settings or {})}
        self._way = Way.USER if data_dir.is_symlink() else identity_way
        self._identity: Identity | None = None
        self._binaries: PostgresBinaries | None = None
        self._secrets: Secrets | None = None

    def prepare(self) -> None:
        """Make the data folder unless it is there; refuse one that is broken or of another major version."""
        identity = self.identity
        self.data_dir.parent.mkdir(parents=True, exist_ok=True)
        postgres_data.settle(self.data_dir, identity)
        major = postgres_data.data_major(self.data_dir)
        binaries = find_binaries(major=major)
        if identity.switches_user:
            binaries = reachable_copy(binaries, postgres_data.FOREIGN_HOME)
        self._binaries = binaries
        if major is None:
            postgres_data.initialise(self.data_dir, binaries, identity, durable=self.durable)
        postgres_data.check_pid_file(self.data_dir)

    def launch(self) -> Launch:
        """Return the command line: loopback only, no socket file (paths have a length limit)."""
        if self._binaries is None:
            raise RuntimeError("prepare() comes first")
        settings = {
            "listen_addresses": LOOPBACK,
            "unix_socket_directories": "",
            "log_checkpoints": "off",
            **self.settings,
        }
        argv = [
            str(self._binaries.program("postgres")),
            "-D",
            str(self.data_dir.resolve()),
            "-p",
            str(self.port),
        ]
        for key, value in settings.items():
            argv += ["-c", f"{key}={value}"]
        # SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait for every client.
        return Launch(
            name=self.name,
            argv=tuple(argv),
            cwd=self.data_dir.resolve(),
            stop_signal=signal.SIGINT,
            identity=self.identity,
        )

    def ready(self) -> bool:
        """Return whether the superuser can connect."""
        try:
            with psycopg.connect(self.superuser_dsn("postgres"), connect_timeout=2):
                return True
        except psycopg.OperationalError:
            return False

    @property
    def identity(self) -> Identity:
        """Return as whom the server runs."""
        if self._identity is None:
            self._identity = unprivileged_identity(self._way)
        if self._identity is None:
            raise StackError(
                _("PostgreSQL refuses to run as root and this machine has no other user; set DATABASE_URL")
            )
        return self._identity

    @property
    def passwords(self) -> Secrets:
        """Return the passwords of the three roles; known once the data is made."""
        if self._secrets is None:
            self._secrets = postgres_data.read_secrets(self.data_dir)
        return self._secrets

    def superuser_dsn(self, database: str = DATABASE) -> str:
        """Return the superuser's address of a database."""
        return self._url("postgres", self.passwords.superuser, database)

    def owner_url(self, database: str = DATABASE) -> str:
        """Return the owner's address, as MIGRATE_DATABASE_URL takes it."""
        return self._url(OWNER, self.passwords.owner, database)

    def app_url(self, database: str = DATABASE) -> str:
        """Return the app role's address, as DATABASE_URL takes it."""
        return self._url(APP, self.passwords.app, database)

    def create_roles(self) -> None:
        """Make both roles, or set the password of those that are there; and those that only read."""
        with self._superuser() as connection:
            if connection.info.server_version >= 160000:
                # Random passwords need no stretching, and each connection would pay for it.
                connection.execute("SET scram_iterations = 1")
            for role, password in ((OWNER, self.passwords.owner), (APP, self.passwords.app)):
                known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
                verb = sql.SQL("ALTER" if known else "CREATE")
                connection.execute(
                    sql.SQL("{} ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD {}").format(
                        verb, sql.Identifier(role), sql.Literal(password)
                    )
                )
            for role in READERS:
                if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone():
                    connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(role)))

    def create_database(self, name: str, template: str | None = None) -> None:
        """Make a database of the owner's, where nobody else creates anything, temporary tables included."""
        database, owner = sql.Identifier(name), sql.Identifier(OWNER)
        with self._superuser() as connection:
            create = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}")
            connection.execute(create.format(database, owner, sql.Identifier(template or "template1")))
            connection.execute(
                sql.SQL("REVOKE TEMPORARY, CREATE ON DATABASE {} FROM PUBLIC").format(database)
            )

    def drop_database(self, name: str) -> None:
        """Drop a database with whoever is connected to it; nothing when there is none."""
        with self._superuser() as connection:
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            )

    def ensure_database(self, name: str = DATABASE) -> None:
        """Make the roles and the database unless they are there."""
        self.create_roles()
        with self._superuser() as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
        if not known:
            self.create_database(name)

    def _superuser(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(self.superuser_dsn("postgres"), autocommit=True, connect_timeout=3)

    def _url(self, role: str, password: str, database: str) -> str:
        return f"postgres://{role}:{password}@{LOOPBACK}:{self.port}/{database}"
