"""`manage.py doctor`: trouble is named and makes it fail."""

import json
from io import StringIO
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection
from pytest_django.fixtures import Settings

from holo.common.actor import system_actor
from holo.secretstore.keyring import make_entry, parse_keyring
from holo.secretstore.places import INSTALLATION
from holo.secretstore.services import NOBODY, set_secret
from holo.stack import doctor
from holo.stack.postgres import APP, OWNER, PostgresServer
from holo.stack.temporal_server import TemporalServer
from holo.stack.valkey import ValkeyServer
from tests.planting import as_owner
from tests.stack.conftest import Checkout


@pytest.fixture
def all_given(
    given: dict[str, str],
    fresh_database: str,
    postgres: PostgresServer,
    valkey: ValkeyServer,
    temporal: TemporalServer,
    settings: Settings,
) -> None:
    """Servers that were given by address, all of them well, where nothing need be durable."""
    settings.DEBUG = True
    given |= {
        "DATABASE_URL": postgres.app_url(fresh_database),
        "REDIS_URL": valkey.url,
        "TEMPORAL_ADDRESS": temporal.address,
    }


def examine() -> tuple[int, dict[str, Any]]:
    out = StringIO()
    code = 0
    try:
        call_command("doctor", json=True, stdout=out)
    except SystemExit as end:
        code = int(end.code or 0)
    return code, {finding["name"]: finding for finding in json.loads(out.getvalue())}


@pytest.mark.usefixtures("all_given")
def test_everything_well_exits_0() -> None:
    code, found = examine()
    assert code == 0, found
    assert "fence on" in found["roles"]["detail"]
    assert found["migrations"]["detail"] == "all applied"
    assert int(found["postgres"]["version"].split(".")[0]) >= 15
    assert "configured, 300 allowed" in found["connections"]["detail"]


@pytest.mark.usefixtures("all_given")
def test_pending_migration_is_trouble(postgres: PostgresServer, fresh_database: str) -> None:
    as_owner("DELETE FROM django_migrations WHERE app = 'sessions'")
    code, found = examine()
    assert code == 1
    assert not found["migrations"]["good"]
    assert "1 pending" in found["migrations"]["detail"]


@pytest.mark.usefixtures("all_given")
def test_fence_off_is_said(monkeypatch: pytest.MonkeyPatch, postgres: PostgresServer) -> None:
    monkeypatch.setitem(connection.settings_dict, "USER", OWNER)
    monkeypatch.setitem(connection.settings_dict, "PASSWORD", postgres.passwords.owner)
    connection.close()
    _code, found = examine()
    connection.close()
    assert "fence off" in found["roles"]["detail"]
    assert not found["roles"]["good"]


@pytest.mark.usefixtures("all_given")
def test_settings_of_roles_that_weaken_guards_are_trouble(
    postgres: PostgresServer, fresh_database: str
) -> None:
    role = f"ALTER ROLE {APP} IN DATABASE {fresh_database}"
    with psycopg.connect(postgres.superuser_dsn(), autocommit=True) as superuser:
        superuser.execute(f"{role} SET session_replication_role = 'replica'".encode())
        superuser.execute(f"{role} SET statement_timeout = '60s'".encode())
        try:
            code, found = examine()
        finally:
            superuser.execute(f"{role} RESET ALL".encode())
    assert (code, found["role settings"]["good"]) == (1, False)
    assert found["role settings"]["detail"].startswith(f"{APP}: session_replication_role=replica; remove it")
    assert examine()[1]["role settings"]["good"]


@pytest.mark.usefixtures("all_given")
def test_more_connections_than_allowed_is_trouble(settings: Settings) -> None:
    settings.WORKER_THREADS = 400
    code, found = examine()
    assert code == 1
    assert not found["connections"]["good"]
    assert doctor.configured_connections() > 400


def test_servers_that_are_down_are_each_named_without_a_traceback(checkout: Checkout) -> None:
    done = checkout.run("doctor")
    assert done.returncode == 1
    assert done.stderr == ""
    for name in ("stack", "postgres", "valkey", "temporal"):
        assert f"TROUBLE  {name} " in done.stdout
    assert "postgres programs" in done.stdout


@pytest.mark.usefixtures("all_given")
def test_a_key_that_secrets_need_is_missed(settings: Settings) -> None:
    old, new = make_entry("k1"), make_entry("k2")
    settings.KEYRING = parse_keyring("")
    assert examine()[1]["secrets"]["detail"] == "SECRETS_KEYRING is not set; no secret can be kept"
    settings.KEYRING = parse_keyring(old)
    set_secret(actor=system_actor(NOBODY), place=INSTALLATION, name="pay", value=1)
    assert examine()[1]["secrets"]["detail"] == "1 sealed by k1"
    settings.KEYRING = parse_keyring(f"{new},{old}")
    set_secret(actor=system_actor(NOBODY), place=INSTALLATION, name="pay", value=2)
    code, found = examine()
    assert (code, "1 sealed by k2, 1 by older keys" in found["secrets"]["detail"]) == (0, True)
    for ring in (new, ""):
        settings.KEYRING = parse_keyring(ring)
        code, found = examine()
        assert (code, found["secrets"]["good"], "k1 (1)" in found["secrets"]["detail"]) == (1, False, True)


@pytest.mark.usefixtures("all_given")
def test_it_is_said_whether_payloads_are_sealed(settings: Settings) -> None:
    assert "not sealed: TEMPORAL_KEYRING is not set" in examine()[1]["payloads"]["detail"]
    settings.TEMPORAL_KEYRING = parse_keyring(f"{make_entry('t2')},{make_entry('t1')}")
    code, found = examine()
    assert (code, found["payloads"]["detail"]) == (0, "sealed by t2")
