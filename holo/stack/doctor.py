"""The findings of `manage.py doctor`: each dependency, where it is, its version, whether it answers."""

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import redis
from django.conf import settings
from django.db import connection
from django.db.utils import Error as DatabaseError
from django.utils.translation import gettext as _

from holo.common.fitness import current_role, lossy_settings, weakening_settings
from holo.common.weak_settings import weak_settings
from holo.domains import domain_queues
from holo.outbox.relay import THREADS as RELAY_THREADS
from holo.secretstore.selectors import count_versions_by_key
from holo.stack.command_line import pending_migrations
from holo.stack.env import given, run_dir
from holo.stack.errors import StackError
from holo.stack.fences import tables_of_organizations
from holo.stack.grants import guarded_tables, wider_than_declared
from holo.stack.instance import Instance
from holo.stack.plan import CELERY_PROCESSES
from holo.stack.postgres_binaries import FLOOR, find_binaries
from holo.stack.process import explain
from holo.stack.temporal_cli import find_temporal
from holo.stack.temporal_origin import origin_of
from holo.stack.temporal_server import namespace_status
from holo.stack.valkey import find_valkey

# For a person's shell and commands.
_SPARE_CONNECTIONS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of the table."""

    name: str
    good: bool
    where: str
    version: str = ""
    detail: str = ""


def findings() -> list[Finding]:
    """Return everything there is to say; nothing is changed."""
    found = [_stack(), _postgres_programs(), _valkey_program(), _temporal_program()]
    found += [*_database(), _redis(), _temporal(), _payloads(), _domains(), _passwords()]
    return [*found, *_settings()]


def _stack() -> Finding:
    running = Instance(run_dir()).running()
    detail = (
        _("runs (pid %(pid)d)") % {"pid": running.pid}
        if running
        else _("not running; start it with `make up`")
    )
    return Finding(
        name="stack", good=running is not None or _all_given(), where=str(run_dir()), detail=detail
    )


def _all_given() -> bool:
    return all(given().get(name) for name in ("DATABASE_URL", "REDIS_URL", "TEMPORAL_ADDRESS"))


def _program(name: str, variable: str, find: Callable[[], tuple[str, str]]) -> Finding:
    if given().get(variable):
        return Finding(name=name, good=True, where=variable, detail=_("not needed"))
    try:
        where, version = find()
    except StackError as error:
        return Finding(name=name, good=False, where="-", detail=str(error))
    return Finding(name=name, good=True, where=where, version=version)


def _postgres_programs() -> Finding:
    def find() -> tuple[str, str]:
        binaries = find_binaries()
        return str(binaries.root), binaries.version

    return _program("postgres programs", "DATABASE_URL", find)


def _valkey_program() -> Finding:
    return _program("valkey program", "REDIS_URL", lambda: (str(find_valkey()), ""))


def _temporal_program() -> Finding:
    def find() -> tuple[str, str]:
        binary = find_temporal()
        if binary is None:
            raise StackError(_("no Temporal CLI yet; `manage.py up` gets it"))
        return str(binary.path), binary.server

    found = _program("temporal program", "TEMPORAL_ADDRESS", find)
    if not found.version:
        return found
    origin = origin_of(Path(found.where))
    detail = f"{origin.text}; SHA-256 {origin.sha256}"
    return replace(found, good=not origin.changed, detail=detail)


def _database() -> list[Finding]:
    where = "{USER}@{HOST}:{PORT}/{NAME}".format(**connection.settings_dict)
    try:
        connection.ensure_connection()
        return list(_database_findings(where))
    except DatabaseError as error:
        return [Finding(name="postgres", good=False, where=where, detail=explain(str(error)))]


def _database_findings(where: str) -> Iterator[Finding]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version'), current_setting('server_version_num')::int")
        version, number = cursor.fetchone()
        cursor.execute("SELECT current_setting('max_connections')::int")
        (limit,) = cursor.fetchone()
    yield Finding(name="postgres", good=number >= FLOOR * 10000, where=where, version=version.split()[0])
    pending = pending_migrations()
    text = _("%(what)s; run `manage.py migrate`") % {"what": pending} if pending else _("all applied")
    yield Finding(name="migrations", good=not pending, where=where, detail=text)
    yield _roles(where)
    yield _role_settings(where)
    yield _durability(where)
    if not pending:
        yield _secrets(where)
    needed = configured_connections()
    text = _("%(needed)d configured, %(limit)d allowed") % {"needed": needed, "limit": limit}
    yield Finding(name="connections", good=needed <= limit, where=where, detail=text)


def _roles(where: str) -> Finding:
    """The fence: the role that the product uses owns no table and may not change an append-only one."""
    role = current_role()
    with connection.cursor() as cursor:
        open_tables = []
        for table in guarded_tables(cursor):
            cursor.execute("SELECT has_table_privilege(%s, 'UPDATE, DELETE, TRUNCATE')", [table])
            open_tables += [table] if cursor.fetchone()[0] else []
        wider = wider_than_declared(cursor, str(connection.settings_dict["USER"]))
        unfenced = [table.name for table in tables_of_organizations(cursor) if not table.is_fenced]
    if role.makes_temporary and not role.owned_tables:
        text = _("the app role may make temporary tables; REVOKE TEMP ON DATABASE … FROM PUBLIC")
        return Finding(name="roles", good=not settings.MIGRATE_DATABASE_URL, where=where, detail=text)
    if role.owned_tables or open_tables:
        text = _("fence off: the app role owns %(n)d tables") % {"n": role.owned_tables}
        # With one address for everything the product works; it is the operator's choice.
        return Finding(name="roles", good=not settings.MIGRATE_DATABASE_URL, where=where, detail=text)
    if role.passes_fences:
        text = _("the role of DATABASE_URL passes row-level security; ALTER ROLE … NOBYPASSRLS")
        return Finding(name="roles", good=not settings.MIGRATE_DATABASE_URL, where=where, detail=text)
    if unfenced:
        names = ", ".join(unfenced)
        text = _("not fenced by organisation: %(names)s; run `manage.py migrate`") % {"names": names}
        return Finding(name="roles", good=False, where=where, detail=text)
    if wider:
        text = _(
            "the app role may change more than this version needs in %(names)s; when all processes run it,"
            " run `manage.py migrate --tighten`"
        ) % {"names": ", ".join(wider)}
        return Finding(name="roles", good=False, where=where, detail=text)
    return Finding(name="roles", good=True, where=where, detail=_("fence on: owner and app role are apart"))


def _role_settings(where: str) -> Finding:
    """What a role may give itself, and a superuser anybody: settings that each connection starts with."""
    given = weakening_settings()
    text = _("none that weakens guards")
    if given:
        text = _("%(given)s; remove it with ALTER ROLE … RESET … or ALTER DATABASE … RESET …")
        text %= {"given": ", ".join(given)}
    return Finding(name="role settings", good=not given, where=where, detail=text)


def _durability(where: str) -> Finding:
    """What is acknowledged must survive a crash of the machine; on a development machine it need not."""
    off = lossy_settings()
    text = _("off: %(names)s; a crash may lose commits") % {"names": ", ".join(off)} if off else ""
    return Finding(name="durability", good=not off or settings.DEBUG, where=where, detail=text)


def _secrets(where: str) -> Finding:
    """Each key that seals something must be in the ring; one that seals nothing any more may go."""
    ring, used = settings.KEYRING, count_versions_by_key()
    missing = {key_id: count for key_id, count in used.items() if key_id not in ring.keys}
    if missing:
        shown = ", ".join(f"{key_id} ({count})" for key_id, count in sorted(missing.items()))
        text = _("SECRETS_KEYRING lacks keys that seal secrets: %(shown)s") % {"shown": shown}
        return Finding(name="secrets", good=False, where=where, detail=text)
    if not ring.current:
        text = _("SECRETS_KEYRING is not set; no secret can be kept")
        return Finding(name="secrets", good=True, where=where, detail=text)
    old = sum(count for key_id, count in used.items() if key_id != ring.current)
    text = _("%(n)d sealed by %(id)s") % {"n": used.get(ring.current, 0), "id": ring.current}
    if old:
        text += _(", %(old)d by older keys; run `manage.py secrets rotate`") % {"old": old}
    return Finding(name="secrets", good=True, where=where, detail=text)


def configured_connections() -> int:
    """Return how many connections all processes together may hold."""
    domains = sum(1 for entry in settings.ENABLE_DOMAINS if entry)
    threads: int = settings.WEB_THREADS + settings.WORKER_THREADS * domains
    # The relay holds one more for LISTEN.
    return threads + RELAY_THREADS + 1 + CELERY_PROCESSES + _SPARE_CONNECTIONS


def _domains() -> Finding:
    """The processes of this installation and their queues; each queue wants a worker of its own."""
    where = ",".join(settings.ENABLE_DOMAINS)
    try:
        queues = domain_queues(settings.ENABLE_DOMAINS)
    except ImportError as error:
        return Finding(name="domains", good=False, where=where, detail=str(error))
    shown = ", ".join(
        _("%(domain)s on queue %(queue)s") % {"domain": d, "queue": q} for d, q in queues.items()
    )
    twins = len(set(queues.values())) < len(queues)
    detail = _("two share a queue: %(shown)s") % {"shown": shown} if twins else shown
    return Finding(name="domains", good=bool(queues) and not twins, where=where, detail=detail)


def _passwords() -> Finding:
    """Which passwords are refused; the settings have looked at the file."""
    where = settings.BREACHED_PASSWORDS_FILE
    detail = (
        _("those of known breaches are refused")
        if where
        else _("BREACHED_PASSWORDS_FILE is not set; common ones are refused, those of breaches are not")
    )
    return Finding(name="passwords", good=True, where=where or "-", detail=detail)


def _settings() -> list[Finding]:
    """The settings that are weak in production, a line each, as `check --deploy` names them."""
    if settings.DEBUG:
        return [Finding(name="settings", good=True, where="-", detail=_("DEBUG=1: not judged"))]
    found = [
        Finding(
            name=weak.setting,
            good=False,
            where=_("refused by all processes") if weak.refused else _("weak"),
            detail=weak.detail,
        )
        for weak in weak_settings()
    ]
    return found or [Finding(name="settings", good=True, where="-", detail=_("none of them is weak"))]


def _redis() -> Finding:
    url = urlsplit(settings.REDIS_URL)
    where = f"{url.hostname}:{url.port or 6379}"
    try:
        client = redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=2, socket_timeout=2)
        info = client.info("server")
    except (redis.RedisError, ValueError, OSError) as error:
        return Finding(name="valkey", good=False, where=where, detail=explain(str(error)))
    version = str(info.get("valkey_version") or info.get("redis_version"))
    return Finding(name="valkey", good=True, where=where, version=version)


def _temporal() -> Finding:
    where = settings.TEMPORAL_ADDRESS
    target = urlsplit(f"//{where}")
    try:
        with socket.create_connection((target.hostname or "", target.port or 7233), 2):
            pass
    except OSError as error:
        return Finding(name="temporal", good=False, where=where, detail=str(error))
    if not settings.TEMPORAL_UI_URL:
        return Finding(name="temporal", good=True, where=where, detail=_("without a Web UI"))
    status = namespace_status(settings.TEMPORAL_UI_URL, settings.TEMPORAL_NAMESPACE)
    if status == 404:
        text = _("there is no namespace %(name)s") % {"name": settings.TEMPORAL_NAMESPACE}
        return Finding(name="temporal", good=False, where=where, detail=text)
    text = "" if status == 200 else _("its Web UI at %(url)s is silent") % {"url": settings.TEMPORAL_UI_URL}
    return Finding(name="temporal", good=True, where=where, detail=text)


def _payloads() -> Finding:
    """Whether what Temporal stores is sealed; without a ring it is the operator's choice."""
    current = settings.TEMPORAL_KEYRING.current
    text = _("sealed by %(id)s") % {"id": current}
    if settings.TEMPORAL_ACCEPT_PLAIN:
        text = _("sealed by %(id)s; payloads that are not sealed are accepted, too") % {"id": current}
    if not current:
        text = _("not sealed: TEMPORAL_KEYRING is not set, and whoever reads Temporal reads payloads")
    return Finding(name="payloads", good=True, where=settings.TEMPORAL_ADDRESS, detail=text)
