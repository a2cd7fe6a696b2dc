"""Every row about command lines: one line on stderr, the exit code of the table, no traceback, no secret."""

import io
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import LazySettings, settings
from django.core.management import get_commands
from django.db import connection
from pytest_django.plugin import DjangoDbBlocker

from holo.apiauth.models import ApiKey
from holo.stack import env
from holo.stack.command_line import main
from holo.stack.management.commands.migrate import _LOCK
from holo.stack.ports import free_port
from holo.stack.postgres import PostgresServer
from tests.bad_inputs.cases.lines import COMMANDS, KEY, LINES, PASSWORD
from tests.bad_inputs.cases.rows import Line
from tests.bad_inputs.world import World, changed, written
from tests.conftest import use_database
from tests.stack.conftest import ROOT, eventually

# `reconcile` asks Temporal before it asks the database.
pytestmark = pytest.mark.usefixtures("temporal")

# Inputs that another program has written, or somebody who means no good.
_ODD_FILES = {
    "utf16": '{"a": 1}'.encode("utf-16"),
    "latin1": '{"a": "é"}'.encode("latin-1"),
    "deep": b'{"a": ' * 100_000 + b"1" + b"}" * 100_000,
    "twice": b'{"order_id": "1", "order_id": "2"}',
}
OURS = ("holo", "inventory", "ledger", "orders", "workflows")


@pytest.fixture(autouse=True)
def _own_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: LazySettings) -> None:
    """A checkout of the test's own, so that nobody's stack is met."""
    # The settings of the tests serve static files from where they lie.
    settings.SILENCED_SYSTEM_CHECKS = [*settings.SILENCED_SYSTEM_CHECKS, "staticfiles.E002"]
    monkeypatch.setenv("HOLO_RUN_DIR", str(tmp_path / "run"))
    monkeypatch.setattr(env, "_given", None)


@pytest.fixture(scope="module")
def empty_database(
    postgres: PostgresServer, world: World, django_db_blocker: DjangoDbBlocker
) -> Iterator[str]:
    """A database without any table."""
    postgres.create_database("holo_empty", template="template0")
    yield "holo_empty"
    connection.close()
    postgres.drop_database("holo_empty")


def test_every_command_of_ours_has_its_rows() -> None:
    ours = {name for name, app in get_commands().items() if str(app).split(".")[0] in OURS}
    assert ours == set(COMMANDS)


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, id=f"{case.id}-{number}-{case.words[0]}") for number, case in enumerate(LINES)],
)
def test_command_line_is_refused(
    case: Line,
    world: World,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    settings: LazySettings,
    capfd: pytest.CaptureFixture[str],
) -> None:
    binary = tmp_path / "binary"
    binary.write_bytes(bytes(range(256)) * 100)
    names = {"tmp": str(tmp_path), "binary": str(binary), "seller": world.shop.seller.email}
    for name, content in _ODD_FILES.items():
        (tmp_path / name).write_bytes(content)
        names[name] = str(tmp_path / name)
    words = [word.format(**names) for word in case.words]
    before = written()
    with _Scene(case.scene, request, settings, monkeypatch):
        code = main(["manage.py", *words])
    out, err = capfd.readouterr()
    assert (code, out) == (case.exits, ""), err
    assert err.count("\n") == 1, err
    for part in case.says:
        assert part in err, err
    assert "Traceback" not in err
    assert KEY not in err
    assert PASSWORD not in err
    assert changed(before) == set()


class _Scene:
    """What a command line meets."""

    def __init__(
        self, name: str, request: pytest.FixtureRequest, settings: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self._name = name
        self._request = request
        self._settings = settings
        self._monkeypatch = monkeypatch
        self._before: dict[str, Any] = {}
        self._socket: socket.socket | None = None

    def __enter__(self) -> None:
        self._before = dict(connection.settings_dict)
        dead = free_port()
        if self._name == "database down":
            connection.close()
            connection.settings_dict |= {"PORT": dead, "PASSWORD": PASSWORD}
        if self._name == "owner down":
            self._settings.MIGRATE_DATABASE_URL = f"postgres://holo_owner:{PASSWORD}@127.0.0.1:{dead}/x"
        if self._name == "no tables":
            connection.close()
            connection.settings_dict["NAME"] = self._request.getfixturevalue("empty_database")
        if self._name.endswith("port taken"):
            # The server of the tests does without fsync, which production refuses before anything else.
            self._settings.DEBUG = True
            self._socket = socket.create_server(("127.0.0.1", 0))
            port = self._socket.getsockname()[1]
            if self._name == "second port taken":
                port -= 2
            self._settings.RELAY_METRICS_PORT = self._settings.WORKER_METRICS_PORT = port

    def __exit__(self, *_: object) -> None:
        connection.close()
        connection.settings_dict.update(self._before)
        if self._socket is not None:
            self._socket.close()


def test_l06_doctor_lists_what_is_pending(
    empty_database: str, capfd: pytest.CaptureFixture[str], postgres: PostgresServer, module_database: str
) -> None:
    try:
        use_database(postgres, empty_database)
        assert main(["manage.py", "doctor"]) == 1
    finally:
        use_database(postgres, module_database)
    assert "pending (contenttypes.0001_initial" in capfd.readouterr().out


# --- What needs a process of its own --------------------------------------------------------------


def _start(*words: str, stdout: int = subprocess.PIPE, **variables: str) -> subprocess.Popen[str]:
    command = [sys.executable, "manage.py", *words]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "holo.settings", **variables},
        text=True,
        stdout=stdout,
        stderr=subprocess.PIPE,
    )


def _waiting(database: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database"
            " WHERE d.datname = %s AND NOT l.granted",
            [database],
        )
        return int(cursor.fetchone()[0])


@pytest.mark.parametrize(
    ("sign", "code", "said"), [(signal.SIGINT, 130, "interrupted\n"), (signal.SIGTERM, -signal.SIGTERM, "")]
)
def test_l07_an_interrupted_command_leaves_nothing(
    world: World, module_database: str, sign: signal.Signals, code: int, said: str
) -> None:
    """Each hangs on a lock when the signal comes; what it has begun is rolled back, and it can run again."""
    before = written()
    create = ("api_key", "create", "--user", world.shop.seller.email, "--scopes", "orders:read")
    with psycopg.connect(settings.MIGRATE_DATABASE_URL) as holder:
        holder.execute("LOCK TABLE audit_auditevent, identity_organization IN ACCESS EXCLUSIVE MODE")
        holder.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        running = [
            _start(*create, DB_LOCK_TIMEOUT_MS="30000"),
            _start("seed_demo", DB_LOCK_TIMEOUT_MS="30000"),
            _start("migrate", "--skip-checks"),
        ]
        try:
            hanging = eventually(lambda: _waiting(module_database) >= len(running), seconds=60)
            for process in running:
                process.send_signal(sign)
            ends = [process.communicate(timeout=120) for process in running]
        finally:
            for process in running:
                process.kill()
        assert hanging, ends
    assert [process.returncode for process in running] == [code] * len(running)
    assert [err for _out, err in ends] == [said] * len(running)
    assert eventually(lambda: _waiting(module_database) == 0)
    assert changed(before) == set()
    assert main(["manage.py", *create]) == 0
    ApiKey.objects.filter(owner=world.shop.seller).order_by("-created_at")[:1].get()


def test_l08_a_reader_that_leaves_is_no_error(world: World, tmp_path: Path) -> None:
    running = []
    for words in (("doctor",), ("api_key", "list"), ("help",), ("spectacular",), ("errors_doc", "--help")):
        reader, writer = os.pipe()
        os.close(reader)
        running.append(_start(*words, stdout=writer, HOLO_RUN_DIR=str(tmp_path)))
        os.close(writer)
    for process in running:
        _out, err = process.communicate(timeout=120)
        assert err == "", process.args
        assert process.returncode in (0, 1, 141), process.args


@pytest.mark.parametrize(
    ("redirection", "code", "said"),
    [
        (">&-", 2, "stdout is closed; redirect it to /dev/null to see nothing\n"),
        (">/dev/full", 1, "No space left on device\n"),
        (">/dev/null 2>&-", 0, ""),
    ],
)
def test_l08_output_that_cannot_be_written_is_told_in_one_line(
    world: World, redirection: str, code: int, said: str
) -> None:
    ended = subprocess.run(
        ["sh", "-c", f"exec {sys.executable} manage.py api_key list {redirection}"],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "holo.settings"},
        text=True,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert (ended.returncode, ended.stderr.removeprefix("stdout: "), ended.stdout) == (code, said, "")


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        (b"\xff\xfe[\x001\x00]\x00", "byte order mark"),
        ('"é"'.encode("latin-1"), "not UTF-8"),
        (b"[" * 100_000, "nested deeper"),
        (b'{"a": 1, "a": 2}', "stdin /a: the name is given twice"),
        (b"9" * 5000, "4300 digits"),
        (b"NaN", "not finite"),
        (b'"' + b"x" * 2_000_000 + b'"', "larger than"),
        (b"", "stdin is not JSON"),
        (None, "stdin is not JSON"),
    ],
)
def test_l12_a_value_on_stdin_that_cannot_be_read_is_refused(
    world: World,
    sent: bytes | None,
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    settings: LazySettings,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "stdin", None if sent is None else io.TextIOWrapper(io.BytesIO(sent)))
    before = written()
    assert main(["manage.py", "secrets", "set", "odd"]) == 2
    out, err = capfd.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert says in err
    assert changed(before) == set()


def test_l05_lasting_commands_wait_for_what_is_away_and_say_where(tmp_path: Path, world: World) -> None:
    dead = free_port()
    away = {
        "DATABASE_URL": f"postgres://holo_app:{PASSWORD}@127.0.0.1:{dead}/holo",
        "REDIS_URL": f"redis://:{PASSWORD}@127.0.0.1:{dead}/0",
        "TEMPORAL_ADDRESS": f"127.0.0.1:{dead}",
        "HOLO_RUN_DIR": str(tmp_path),
        "RELAY_METRICS_PORT": str(free_port()),
        "WORKER_METRICS_PORT": str(free_port()),
    }
    lasting = [name for name, needs in COMMANDS.items() if needs.lasting]
    logs = {name: (tmp_path / name).open("w+") for name in lasting}
    running = {name: _start_logged(name, logs[name], away) for name in lasting}
    try:
        for name in lasting:
            assert eventually(lambda name=name: str(dead) in (tmp_path / name).read_text(), seconds=60), name  # type: ignore[misc]
            assert running[name].poll() is None
            running[name].send_signal(signal.SIGTERM)
        for name in lasting:
            assert running[name].wait(60) == 0
            said = (tmp_path / name).read_text()
            assert PASSWORD not in said
            assert "Traceback" not in said
    finally:
        for name in lasting:
            running[name].kill()
            running[name].wait()
            logs[name].close()


def _start_logged(name: str, log: Any, variables: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "manage.py", name],
        cwd=ROOT,
        env={**os.environ, **variables, "DJANGO_SETTINGS_MODULE": "holo.settings"},
        stdout=log,
        stderr=subprocess.STDOUT,
    )
