"""What is checked before anything starts, so that each trouble is one clear line and not a broken start."""

import shutil
import socket
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import redis
from django.utils.translation import gettext as _

from holo.stack.env import given
from holo.stack.errors import StackError
from holo.stack.plan import Stack
from holo.stack.ports import is_busy, is_listened_on, owner_of
from holo.stack.postgres_binaries import FLOOR
from holo.stack.process import explain

_SPACE = 200 * 1024 * 1024
# Children of an `up` that was killed need a moment to go.
_AFTER_CRASH = 6.0
# A client's connection may have drawn one of our ports as its own; closed, it keeps it for a minute.
_CLIENT_LINGERS = 65.0


def check_all(stack: Stack, *, after_crash: bool, say: Callable[[str], None]) -> None:
    """Raise StackError for the first thing that would keep the stack from starting."""
    check_space(stack.folder)
    check_given_servers()
    check_ports(stack.listening(), patience=_AFTER_CRASH if after_crash else 0, say=say)


def check_space(folder: Path, *, wanted: int = _SPACE) -> None:
    """Refuse a disk on which PostgreSQL would run out of space while it starts."""
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return
    if free < wanted:
        raise StackError(
            _("the disk of %(folder)s is full: %(free)d MB free, %(wanted)d MB needed")
            % {"folder": folder, "free": free // 2**20, "wanted": wanted // 2**20}
        )


def check_ports(wanted: dict[str, int], *, patience: float, say: Callable[[str], None]) -> None:
    """Refuse ports on which somebody listens, naming who; wait for those that only a client's end holds."""
    started = time.monotonic()
    told = False
    for name, port in wanted.items():
        while is_busy(port):
            waited = time.monotonic() - started
            limit = patience if is_listened_on(port) else _CLIENT_LINGERS
            if waited > limit:
                raise _busy(name, port)
            if waited > 1 and not told:
                told = True
                say(_("port %(port)d (%(name)s) is not free yet, waiting") % {"port": port, "name": name})
            time.sleep(0.1)


def _busy(name: str, port: int) -> StackError:
    owner = owner_of(port) or _("its owner is hidden from us")
    return StackError(
        _("port %(port)d (%(name)s) is busy: %(owner)s; end it, or move all ports with PORT_OFFSET")
        % {"port": port, "name": name, "owner": owner}
    )


def check_given_servers() -> None:
    """Ask each server that was given by address, once and briefly."""
    user = given()
    for name in ("DATABASE_URL", "MIGRATE_DATABASE_URL"):
        if user.get(name):
            _check_postgres(name, user[name])
    if user.get("REDIS_URL"):
        _check_redis(user["REDIS_URL"])
    if user.get("TEMPORAL_ADDRESS"):
        _check_temporal(user["TEMPORAL_ADDRESS"])


def _check_postgres(name: str, url: str) -> None:
    try:
        with psycopg.connect(url, connect_timeout=3) as connection:
            version = connection.info.server_version
    except psycopg.Error as error:
        raise _silent(name, explain(str(error))) from None
    if version < FLOOR * 10000:
        raise StackError(
            _("%(name)s is PostgreSQL %(version)d; %(floor)d or newer is needed")
            % {"name": name, "version": version // 10000, "floor": FLOOR}
        )


def _check_redis(url: str) -> None:
    try:
        redis.Redis.from_url(url, socket_connect_timeout=3, socket_timeout=3).ping()
    except (redis.RedisError, ValueError, OSError) as error:
        raise _silent("REDIS_URL", explain(str(error))) from None


def _check_temporal(address: str) -> None:
    target = urlsplit(f"//{address}")
    try:
        with socket.create_connection((target.hostname or "", target.port or 7233), 3):
            pass
    except OSError as error:
        raise _silent("TEMPORAL_ADDRESS", str(error)) from None


def _silent(name: str, why: str) -> StackError:
    return StackError(
        _("%(name)s is set, but nothing usable answers there: %(why)s") % {"name": name, "why": why}
    )
