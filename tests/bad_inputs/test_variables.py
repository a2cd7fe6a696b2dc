"""Every row about the environment: one line, exit 2; and what `doctor` says of the servers behind it."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.test import Client

from holo.stack import doctor, env
from holo.stack.command_line import main
from holo.stack.ports import free_port
from holo.stack.postgres import OWNER, PostgresServer
from holo.stack.temporal_server import TemporalServer
from tests.bad_inputs.cases.rows import Variables
from tests.bad_inputs.cases.variables import BASE, VARIABLES
from tests.stack.conftest import ROOT

SETTINGS = str(ROOT / "holo" / "settings.py")
_READ = ("DATABASE_URL", "MIGRATE_DATABASE_URL", "REDIS_URL", "TEMPORAL_ADDRESS", "DEMO")


def _ids(rows: tuple[Variables, ...]) -> list[object]:
    return [
        pytest.param(row, id=f"{row.id}-{'-'.join(row.values)}-{number}") for number, row in enumerate(rows)
    ]


@pytest.fixture
def production(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The environment of a machine in production."""
    for name in _READ:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOLO_RUN_DIR", str(tmp_path))
    for name, value in BASE.items():
        monkeypatch.setenv(name, value)


@pytest.mark.pure
@pytest.mark.usefixtures("production")
def test_good_environment_is_accepted() -> None:
    """The control."""
    assert runpy.run_path(SETTINGS)["DEBUG"] is False


@pytest.mark.pure
@pytest.mark.usefixtures("production")
@pytest.mark.parametrize("row", _ids(VARIABLES))
def test_environment_is_refused(row: Variables, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in row.values.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ImproperlyConfigured) as refusal:
        runpy.run_path(SETTINGS)
    text = str(refusal.value)
    for part in row.says:
        assert part in text
    assert "\n" not in text
    for secret in row.hides:
        assert secret not in text


# Commands of the stack make a key themselves where none is given, so these get what they cannot mend.
_PAIRS = {
    "check": {"SECRET_KEY": ""},
    "migrate": {"DEMO": "1"},
    "doctor": {"DEBUG": "flase"},
    "up": {"PORT_OFFSET": "ten"},
    "run_relay": {"ORDER_APPROVAL_THRESHOLD": "x"},
    "no_such_command": {"ALLOWED_HOSTS": "*"},
}


def test_wrong_environment_is_one_line_and_exit_2_for_every_command(tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if name not in _READ}
    own = {"HOLO_RUN_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "holo.settings"}
    running = {
        word: subprocess.Popen(
            [sys.executable, "manage.py", word],
            cwd=ROOT,
            env={**kept, **BASE, **values, **own},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for word, values in _PAIRS.items()
    }
    try:
        ends = {word: process.communicate(timeout=30) for word, process in running.items()}
    finally:
        for process in running.values():
            process.kill()
            process.wait()
    for word, (out, err) in ends.items():
        assert (running[word].returncode, out) == (2, ""), err
        assert err.count("\n") == 1, err
        assert "Traceback" not in err
        assert next(iter(_PAIRS[word])) in err


def test_env_file_that_is_no_text_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOLO_RUN_DIR", str(tmp_path))
    monkeypatch.setattr(env, "_given", None)
    (tmp_path / "env").write_bytes(b"A=\xff\n")
    assert main(["manage.py", "check"]) == 2
    assert capfd.readouterr().err == f"{tmp_path / 'env'}: not UTF-8 at byte 2\n"


# --- What only a look at the servers shows --------------------------------------------------------


@pytest.mark.usefixtures("fresh_database")
def test_e06_role_that_is_too_strong_is_trouble(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = "here"
    assert "fence on" in doctor._roles(where).detail
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_database()")
        (name,) = cursor.fetchone() or ("",)
    _as_superuser(postgres, f'GRANT TEMP ON DATABASE "{name}" TO PUBLIC')
    shadow = doctor._roles(where)
    assert not shadow.good
    assert "temporary tables" in shadow.detail
    for role, password in ((OWNER, postgres.passwords.owner), ("postgres", postgres.passwords.superuser)):
        monkeypatch.setitem(connection.settings_dict, "USER", role)
        monkeypatch.setitem(connection.settings_dict, "PASSWORD", password)
        connection.close()
        found = doctor._roles(where)
        assert (found.good, "fence off" in found.detail) == (False, True), role
    connection.close()


def _as_superuser(postgres: PostgresServer, sql: str) -> None:
    import psycopg

    with psycopg.connect(postgres.superuser_dsn(), autocommit=True) as own:
        own.execute(sql.encode())


@pytest.mark.django_db
@pytest.mark.parametrize(("debug", "good"), [(False, False), (True, True)])
def test_e07_commits_that_a_crash_may_lose_are_trouble_in_production(
    debug: bool, good: bool, settings: LazySettings
) -> None:
    """The server of the tests runs without fsync."""
    settings.DEBUG = debug
    found = doctor._durability("here")
    assert (found.good, "fsync" in found.detail) == (good, True)


@pytest.mark.django_db
def test_e08_redis_that_is_away_is_told_and_does_not_keep_the_web_from_serving(
    settings: LazySettings,
) -> None:
    settings.REDIS_URL = f"redis://:hunter2@127.0.0.1:{free_port()}/0"
    answer = Client().get("/healthz/ready")
    assert "redis" in answer.json()["failed"]
    assert b"hunter2" not in answer.content
    assert Client().get("/healthz/live").status_code == 200


def test_e09_namespace_that_is_not_there_is_trouble(temporal: TemporalServer, settings: LazySettings) -> None:
    assert doctor._temporal().good
    settings.TEMPORAL_NAMESPACE = "no-such-namespace"
    found = doctor._temporal()
    assert (found.good, found.detail) == (False, "there is no namespace no-such-namespace")
