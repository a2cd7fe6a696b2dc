"""Every row about the environment: one line, exit 2; and what `doctor` says of the servers behind it."""

import os
import runpy
import ssl
import subprocess
import sys
from pathlib import Path
from secrets import token_urlsafe
from typing import Any, ClassVar

import environ
import pytest
from celery import Celery
from django.conf import LazySettings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.test import Client

from holo.common import fitness
from holo.env_file import read_env_file
from holo.secretstore.keyring import make_entry
from holo.stack import doctor, env
from holo.stack.command_line import main
from holo.stack.ports import free_port
from holo.stack.postgres import APP, OWNER, PostgresServer
from holo.stack.temporal_server import TemporalServer
from tests.bad_inputs.cases.rows import Variables
from tests.bad_inputs.cases.variables import BASE, VARIABLES
from tests.stack.conftest import ROOT, SERVER_VARIABLES
from workflows.runtime.fitness import refuse_unfit_temporal

SETTINGS = str(ROOT / "holo" / "settings.py")
_READ = (*SERVER_VARIABLES, "DEMO")


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
@pytest.mark.parametrize("name", ["SECRET_KEY", "METRICS_TOKEN", "TEMPORAL_NAMESPACE", "TEMPORAL_CLI"])
@pytest.mark.parametrize(
    "text", ["$HOME/{}", "$$SECRET_KEY{}", "\\$x{}", "${{HOME}}{}", "a$b{}", " {} ", "%(x)s{}"]
)
def test_value_is_taken_literally(name: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    value = text.format("0123456789" * 6)
    if name == "METRICS_TOKEN":
        value = value.strip()  # a header has no blanks around it
    monkeypatch.setenv(name, value)
    assert runpy.run_path(SETTINGS)[name] == value


@pytest.mark.pure
@pytest.mark.usefixtures("production")
def test_values_with_commas_are_taken_literally(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CSRF_TRUSTED_ORIGINS", "https://a,https://b:8443")
    monkeypatch.setenv("SECRET_KEY_FALLBACKS", "$HOME{0},${{x}}{0}".format("0123456789" * 6))
    read = runpy.run_path(SETTINGS)
    assert read["CSRF_TRUSTED_ORIGINS"] == ["https://a", "https://b:8443"]
    assert [key[:5] for key in read["SECRET_KEY_FALLBACKS"]] == ["$HOME", "${x}0"]


@pytest.mark.pure
@pytest.mark.usefixtures("production")
def test_line_ends_of_a_mounted_file_are_no_part_of_names_and_numbers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = {"PROXY_HOPS": "2", "PUBLIC_URL": "https://h", "RATE_USER": "off", "ADMIN_HOSTS": "h"}
    given["ALLOWED_HOSTS"] = "h"
    for name, value in given.items():
        monkeypatch.setenv(name, f"{value}\n")
    ring = f"{BASE['SECRETS_KEYRING']}\n{make_entry('k0')}\n"
    monkeypatch.setenv("SECRETS_KEYRING", ring)
    read = runpy.run_path(SETTINGS)
    assert (read["PROXY_HOPS"], read["PUBLIC_URL"], read["ADMIN_HOSTS"]) == (2, "https://h", ["h"])
    assert list(read["KEYRING"].keys) == ["k1", "k0"]


@pytest.mark.pure
@pytest.mark.usefixtures("production")
@pytest.mark.parametrize("folder", ["c++", "a#b", "50%41", "a?b", "a b"])
def test_mail_of_a_development_machine_goes_into_the_run_folder(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EMAIL_URL")
    monkeypatch.setenv("DEBUG", "1")
    monkeypatch.setenv("HOLO_RUN_DIR", str(tmp_path / folder))
    assert runpy.run_path(SETTINGS)["EMAIL_FILE_PATH"] == str(tmp_path / folder / "mail")


@pytest.mark.pure
@pytest.mark.usefixtures("production")
def test_options_of_libpq_are_kept_and_so_is_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """They took the place of the path, and a temporary table could stand in for one of the product's."""
    monkeypatch.setenv("DATABASE_URL", "postgres://h/x?options=-c%20jit%3Doff&sslmode=require")
    options = runpy.run_path(SETTINGS)["DATABASES"]["default"]["OPTIONS"]
    assert options["options"] == "-c jit=off -c search_path=public,pg_temp"
    assert options["sslmode"] == "require"


@pytest.mark.pure
@pytest.mark.usefixtures("production")
def test_option_of_the_database_that_looks_like_a_number_is_taken_literally(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://h/x?password=0123&application_name=1e3")
    options = runpy.run_path(SETTINGS)["DATABASES"]["default"]["OPTIONS"]
    assert (options["password"], options["application_name"]) == ("0123", "1e3")


@pytest.mark.pure
@pytest.mark.usefixtures("production")
@pytest.mark.parametrize(
    ("options", "checked"),
    [
        ("", ssl.CERT_REQUIRED),
        ("?ssl_check_hostname=false", None),
        ("?ssl_cert_reqs=none", ssl.CERT_NONE),
    ],
)
def test_certificate_of_valkey_is_checked_by_celery_too(
    options: str, checked: ssl.VerifyMode | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Celery's own default is to believe any; None leaves it to the client, which checks."""
    monkeypatch.setenv("REDIS_URL", f"rediss://h/0{options}")
    read = runpy.run_path(SETTINGS)
    asked: Any = Celery(broker=read["CELERY_BROKER_URL"], broker_use_ssl=read["CELERY_BROKER_USE_SSL"])
    assert asked.connection_for_write().ssl.get("ssl_cert_reqs") == checked


@pytest.mark.pure
@pytest.mark.usefixtures("production")
def test_blanks_between_commas_are_no_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty name of a host, and an empty key that signs."""
    for name in ("ADMIN_HOSTS", "SECRET_KEY_FALLBACKS", "ENABLE_DOMAINS"):
        monkeypatch.setenv(name, " , ")
    monkeypatch.setenv("ALLOWED_HOSTS", " h,, ")
    monkeypatch.setenv("CSRF_TRUSTED_ORIGINS", " https://a ,, https://b, ")
    read = runpy.run_path(SETTINGS)
    assert read["ALLOWED_HOSTS"] == ["h"]
    assert read["CSRF_TRUSTED_ORIGINS"] == ["https://a", "https://b"]
    assert read["ADMIN_HOSTS"] == read["SECRET_KEY_FALLBACKS"] == []


@pytest.mark.pure
@pytest.mark.usefixtures("production")
@pytest.mark.parametrize(
    ("name", "setting"),
    [(name, name) for name in ("TEMPORAL_NAMESPACE", "PAYMENT_GATEWAY", "CARRIER")]
    + [("HOLO_RUN_DIR", "RUN_DIR")],
)
def test_empty_name_is_the_default(name: str, setting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(name, raising=False)
    # What a stack that ran here has left in .run/env.
    monkeypatch.setenv("DEMO", "0")
    default = runpy.run_path(SETTINGS)[setting]
    monkeypatch.setenv(name, "")
    assert runpy.run_path(SETTINGS)[setting] == default


class _Reader(environ.Env):  # type: ignore[misc]  # django-environ has no types
    """Keeps what a file gives out of the process environment."""

    ENVIRON: ClassVar[dict[str, str]] = {}


def _read(file: Path, content: bytes) -> tuple[dict[str, str], list[str]]:
    file.write_bytes(content)
    problems: list[str] = []
    _Reader.ENVIRON = {}
    read_env_file(file, problems, _Reader)
    return _Reader.ENVIRON, problems


@pytest.mark.pure
def test_file_with_byte_order_mark_and_crlf_is_read_whole(tmp_path: Path) -> None:
    content = "\ufeffA=$HOME\r\n\r\n# said\r\nexport B='a b'\r\nC=a#b\r\n".encode()
    assert _read(tmp_path / "env", content) == ({"A": "$HOME", "B": "a b", "C": "a#b"}, [])


@pytest.mark.pure
@pytest.mark.parametrize(
    ("line", "says"),
    [
        *(("hunter2", "is not NAME=value"), (" A=hunter2", "is not NAME=value")),
        *(("A =hunter2", "is not NAME=value"), ("export  A=hunter2", "is not NAME=value")),
        *(("X=hunter2", "gives X again, after line 1"), ("export X=", "gives X again, after line 1")),
        *(("A: hunter2", "is not NAME=value"), ("A-B=hunter2", "is not NAME=value")),
        *(
            ('A="hunter2","b"', "has quotes around its value"),
            ("A='hunter2's'", "has quotes around its value"),
        ),
        *((f"A=hunter2{char}B=1", "has a line separator") for char in "\r\v\f\x1c\x85\u2028\u2029\0\x01\x1b"),
    ],
)
def test_line_that_would_be_skipped_or_cut_is_told_by_its_number(
    tmp_path: Path, line: str, says: str
) -> None:
    _found, problems = _read(tmp_path / "env", f"X=1\n{line}\nY=2\n".encode())
    assert len(problems) == 1
    assert f"line 2 {says}" in problems[0]
    assert "hunter2" not in problems[0]


@pytest.mark.pure
@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(('"C:\\dir"', "C:\\dir"), ('"a\\nb"', "a\\nb"), ('"a\\"b\\\\c"', 'a"b\\c'), ("'a\\'", "a\\")),
        *(('"a', '"a'), ('a"', 'a"'), ('"a" b', '"a" b'), ("'", "'"), ('""', ""), ("a b ", "a b ")),
    ],
)
def test_quotes_around_a_value_are_no_part_of_it_and_all_else_is(
    tmp_path: Path, text: str, value: str
) -> None:
    assert _read(tmp_path / "env", f"A={text}\n".encode()) == ({"A": value}, [])


@pytest.mark.pure
def test_file_in_another_encoding_is_told(tmp_path: Path) -> None:
    assert _read(tmp_path / "env", "A=ü".encode("latin-1"))[1] == [f"{tmp_path}/env: not UTF-8 at byte 2"]
    assert _read(tmp_path / "env", "A=ü".encode("utf-16"))[1] == [f"{tmp_path}/env: not UTF-8 at byte 0"]


@pytest.mark.pure
@pytest.mark.usefixtures("production")
@pytest.mark.parametrize(
    "name",
    [
        *("ORDER_APPROVAL_THRESHOLD", "ORDER_BUYER_PIECES", "DEBUG", "PUBLIC_URL", "TEMPORAL_UI_URL"),
        "DEFAULT_FROM_EMAIL",
    ],
)
def test_name_of_another_variable_is_no_value(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was read as that one's value, or silently as the default."""
    monkeypatch.setenv("OTHER", "1")
    monkeypatch.setenv(name, "$OTHER")
    with pytest.raises(ImproperlyConfigured, match=name):
        runpy.run_path(SETTINGS)


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
    "-m celery -A holo worker": {"RATE_USER": "a\nb"},
}


def test_wrong_environment_is_one_line_and_exit_2_for_every_command(tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if name not in _READ}
    own = {"HOLO_RUN_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "holo.settings"}
    running = {
        word: subprocess.Popen(
            [sys.executable, *(word.split() if word.startswith("-m") else ["manage.py", word])],
            cwd=ROOT,
            env={**kept, **BASE, **values, **own},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for word, values in _PAIRS.items()
    }
    try:
        ends = {word: process.communicate(timeout=120) for word, process in running.items()}
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


# What no process serves with; tests/security/test_weak_settings.py has all of it.
_WEAK = {
    "PAYMENT_GATEWAY": "orders.sandbox.gateway.SandboxGateway",
    "CARRIER": "",
    "SECRET_KEY": "known-to-everybody-for-a-first-look-and-nothing-else",
    "SECRETS_KEYRING": "",
    "CSRF_TRUSTED_ORIGINS": "https://*.example.com",
}


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


@pytest.mark.usefixtures("fresh_database")
def test_e06_role_that_row_level_security_does_not_bind_is_refused(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch, settings: LazySettings
) -> None:
    monkeypatch.setattr(fitness, "lossy_settings", list)  # the tests' server runs without fsync; see E07
    monkeypatch.setattr(fitness, "weak_settings", list)
    settings.DEBUG = False
    fitness.refuse_unfit_database()
    # A role of its own: tests in other processes use the app role meanwhile.
    too_strong = f"holo_too_strong_{os.getpid()}"
    password = token_urlsafe()
    _as_superuser(postgres, f"CREATE ROLE {too_strong} LOGIN BYPASSRLS PASSWORD '{password}' IN ROLE {APP}")
    monkeypatch.setitem(connection.settings_dict, "USER", too_strong)
    monkeypatch.setitem(connection.settings_dict, "PASSWORD", password)
    connection.close()
    try:
        assert "NOBYPASSRLS" in _refusal()
        found = doctor._roles("here")
        assert (found.good, "NOBYPASSRLS" in found.detail) == (False, True)
    finally:
        connection.close()
        _as_superuser(postgres, f"DROP ROLE {too_strong}")


def _as_superuser(postgres: PostgresServer, sql: str) -> None:
    import psycopg

    with psycopg.connect(postgres.superuser_dsn(), autocommit=True) as own:
        own.execute(sql.encode())


@pytest.mark.usefixtures("fresh_database")
def test_e06_process_of_the_product_refuses_a_role_that_is_too_strong(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch, settings: LazySettings
) -> None:
    monkeypatch.setattr(fitness, "lossy_settings", list)  # the tests' server runs without fsync; see E07
    monkeypatch.setattr(fitness, "weak_settings", list)
    settings.DEBUG = False
    fitness.refuse_unfit_database()
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_database()")
        (name,) = cursor.fetchone() or ("",)
    _as_superuser(postgres, f'GRANT TEMP ON DATABASE "{name}" TO PUBLIC')
    assert "may make temporary tables" in _refusal()
    for role, password, says in (
        (OWNER, postgres.passwords.owner, "the owner of the tables"),
        ("postgres", postgres.passwords.superuser, "a superuser"),
    ):
        monkeypatch.setitem(connection.settings_dict, "USER", role)
        monkeypatch.setitem(connection.settings_dict, "PASSWORD", password)
        connection.close()
        assert says in _refusal()
    settings.MIGRATE_DATABASE_URL = ""
    assert "a superuser" in _refusal()
    monkeypatch.setitem(connection.settings_dict, "USER", OWNER)
    monkeypatch.setitem(connection.settings_dict, "PASSWORD", postgres.passwords.owner)
    connection.close()
    fitness.refuse_unfit_database()
    connection.close()


def _refusal() -> str:
    with pytest.raises(ImproperlyConfigured) as refusal:
        fitness.refuse_unfit_database()
    return str(refusal.value)


@pytest.mark.usefixtures("fresh_database")
@pytest.mark.parametrize("weak", [{}, _WEAK], ids=["good", "weak"])
def test_e07_every_process_of_the_product_refuses_to_start_in_production(
    tmp_path: Path, weak: dict[str, str]
) -> None:
    """The server of the tests runs without fsync; each command ends with one line that says so.

    So it does for what is weak, which the line names besides; with good settings it names none.
    """
    database = connection.settings_dict
    url = "postgres://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format(**database)
    kept = {name: value for name, value in os.environ.items() if name not in _READ}
    own = {"HOLO_RUN_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "holo.settings", "DATABASE_URL": url}
    ports = {name: str(free_port()) for name in ("RELAY_METRICS_PORT", "WORKER_METRICS_PORT")}
    python = sys.executable
    commands = {
        "web": [python, "manage.py", "run_web", "--bind", f"127.0.0.1:{free_port()}"],
        "relay": [python, "manage.py", "run_relay"],
        "worker": [python, "manage.py", "run_worker"],
        "celery": [python, "-m", "celery", "-A", "holo", "--quiet", "worker", "--concurrency", "1"],
        "beat": [python, "-m", "celery", "-A", "holo", "--quiet", "beat", "-s", str(tmp_path / "beat")],
    }
    running = {
        name: subprocess.Popen(
            command,
            cwd=ROOT,
            env={**kept, **BASE, **ports, **own, **weak},
            text=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        for name, command in commands.items()
    }
    try:
        said = {name: process.communicate(timeout=120)[1] for name, process in running.items()}
    finally:
        for process in running.values():
            process.kill()
            process.wait()
    for name, text in said.items():
        assert running[name].returncode == 2, (name, text)
        assert "PostgreSQL runs with fsync, full_page_writes, synchronous_commit off" in text, (name, text)
        assert [setting for setting in _WEAK if f"{setting} " in text] == list(weak), (name, text)
        assert "Traceback" not in text, text


@pytest.mark.usefixtures("fresh_database")
def test_e07_a_database_that_is_away_keeps_nobody_from_starting(
    monkeypatch: pytest.MonkeyPatch, settings: LazySettings
) -> None:
    monkeypatch.setattr(fitness, "weak_settings", list)
    settings.DEBUG = False
    monkeypatch.setitem(connection.settings_dict, "PORT", str(free_port()))
    connection.close()
    fitness.refuse_unfit_database()


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


def test_e09_worker_in_production_refuses_a_temporal_that_may_forget(
    temporal: TemporalServer, settings: LazySettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server of the tests keeps all in memory; one that `up` has started here has a file."""
    monkeypatch.setenv("HOLO_RUN_DIR", str(tmp_path))
    settings.DEBUG = False
    with pytest.raises(ImproperlyConfigured, match="a development server, which may keep open orders"):
        refuse_unfit_temporal()
    (tmp_path / "env").write_text(f"TEMPORAL_ADDRESS={settings.TEMPORAL_ADDRESS}\n")
    (tmp_path / "temporal.db").touch()
    refuse_unfit_temporal()
    settings.TEMPORAL_NAMESPACE = "no-such-namespace"
    with pytest.raises(ImproperlyConfigured, match="has no namespace no-such-namespace"):
        refuse_unfit_temporal()
    settings.TEMPORAL_ADDRESS = f"127.0.0.1:{free_port()}"
    refuse_unfit_temporal()
    settings.DEBUG = True
    refuse_unfit_temporal()
