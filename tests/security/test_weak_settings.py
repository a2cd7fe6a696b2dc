"""What is weak in production: each setting with DEBUG=0, the same with DEBUG=1, and who says so."""

import re
import runpy
import subprocess
import sys
from base64 import b64encode
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import LazySettings, global_settings
from django.contrib.auth.hashers import make_password
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import connection

from holo.common import fitness, published, weak_settings
from holo.identity.demo import DEMO_ADMIN, DEMO_PASSWORD
from holo.identity.models import User
from holo.stack.doctor import _settings as findings_of_settings
from tests.bad_inputs.cases.variables import BASE
from tests.docs.documents import ROOT, table_rows
from tests.security.test_production import environment
from tests.stack.conftest import SERVER_VARIABLES

SETTINGS = str(ROOT / "holo" / "settings.py")
GATEWAY, CARRIER = "orders.sandbox.gateway.SandboxGateway", "orders.sandbox.carrier.SandboxCarrier"
RATES = ("RATE_CREDENTIAL", "RATE_USER", "RATE_ORGANIZATION", "RATE_ADDRESS", "RATE_PUBLIC", "RATE_SENSITIVE")
# What is refused by the settings themselves, whatever the command: too short to be a key at all.
SHORTEST_KEY = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What is set on a machine that is good otherwise, and what is weak then: refused, or listed alone."""

    values: dict[str, str]
    setting: str
    refused: bool


def _row(setting: str, value: str, *, refused: bool, **more: str) -> Row:
    return Row(values={setting: value, **more}, setting=setting, refused=refused)


def _published() -> list[Row]:
    """Each published secret in each setting that takes one."""
    places = {
        "SECRET_KEY": "{}",
        "SECRET_KEY_FALLBACKS": "{}",
        "METRICS_TOKEN": "{}",
        "DATABASE_URL": "postgres://holo_app:{}@db.internal/holo",
        "MIGRATE_DATABASE_URL": "postgres://holo_owner:{}@db.internal/holo",
        "REDIS_URL": "redis://:{}@valkey.internal/0",
        "EMAIL_URL": "smtp+tls://holo:{}@mail.internal:587",
    }
    return [
        _row(setting, form.format(secret), refused=True)
        for secret in sorted(published.SECRETS)
        for setting, form in places.items()
        # One that is too short, or has a comma, is refused for that already.
        if "SECRET_KEY" not in setting or (len(secret) >= SHORTEST_KEY and "," not in secret)
        # The others take addresses and lists, in which some characters have a meaning.
        if setting == "SECRET_KEY" or re.fullmatch(r"[\w-]+", secret)
    ]


MATRIX = (
    *(
        _row(setting, value, refused=refused, **more)
        for setting, sandbox in (("PAYMENT_GATEWAY", GATEWAY), ("CARRIER", CARRIER))
        for value, refused, more in (
            ("", True, {}),
            (sandbox, True, {}),
            (sandbox, True, {"ALLOW_SANDBOX": "0"}),
            (sandbox, False, {"ALLOW_SANDBOX": "1"}),
            ("", True, {"ALLOW_SANDBOX": "1"}),
        )
    ),
    *_published(),
    *(
        _row(setting, f"{address}?password=look-app", refused=True)
        for setting, address in (
            ("DATABASE_URL", "postgres://holo_app@db.internal/holo"),
            ("MIGRATE_DATABASE_URL", "postgres://holo_owner@db.internal/holo"),
        )
    ),
    _row("METRICS_TOKEN", "look-app", refused=True),
    *(
        _row(setting, f"mine:{b64encode(key).decode()}", refused=True)
        for setting in ("SECRETS_KEYRING", "TEMPORAL_KEYRING")
        for key in sorted(published.KEYS)
    ),
    *(
        _row(setting, f"mine:{b64encode(key).decode()}", refused=True)
        for setting in ("SECRETS_KEYRING", "TEMPORAL_KEYRING")
        for key in (b"A key of 32 bytes that was typed", b"\x00\xffrepeats" * 3 + b"\xfe" * 5)
    ),
    _row("SECRETS_KEYRING", "", refused=True),
    _row("TEMPORAL_KEYRING", "", refused=False),
    *(
        _row("CSRF_TRUSTED_ORIGINS", value, refused=True)
        for value in ("https://*.example.com", "https://holo.example.com,https://*.example.org")
    ),
    _row("CSRF_TRUSTED_ORIGINS", "http://holo.example.com", refused=False),
    _row("ALLOWED_HOSTS", ".example.com", refused=False),
    _row("METRICS_TOKEN", "", refused=False),
    *(
        _row("EMAIL_URL", value, refused=False)
        for value in ("consolemail://", "dummymail://", "memorymail://", "filemail:////tmp/mail")
    ),
    *(_row("EMAIL_URL", f"smtp://{where}", refused=False) for where in ("u:p@mail.internal:25", "10.0.0.1")),
    _row("METRICS_TOKEN", "prometheus", refused=False),
    _row("METRICS_TOKEN", "abcd" * 8, refused=False),
    _row("METRICS_TOKEN", BASE["SECRET_KEY"], refused=True),
    *(
        _row("DEFAULT_FROM_EMAIL", sender, refused=False)
        for sender in ("", "Holo <holo@mail.Example.com>", "holo@shop.test", "holo@localhost")
    ),
    _row("TEMPORAL_ACCEPT_PLAIN", "1", refused=False),
    _row("PGPASSWORD", "look-app", refused=True, DATABASE_URL="postgres://holo_app@db.internal/holo"),
    *(
        _row(setting, f"postgres://{address}@db.internal/holo", refused=False)
        for setting, address in (
            ("DATABASE_URL", "holo_app:holo_app"),
            ("DATABASE_URL", "holo%2Dapp:holo-app"),
            ("MIGRATE_DATABASE_URL", "holo_owner:holo_owner"),
        )
    ),
    _row("PUBLIC_URL", "http://holo.example.com", refused=False),
    _row("PUBLIC_URL", "", refused=False),
    *(_row(name, "off", refused=False) for name in RATES),
)


def _ids(rows: tuple[Row, ...]) -> list[Any]:
    return [pytest.param(row, id=f"{number}-{row.setting}") for number, row in enumerate(rows)]


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Any:
    """Judge the settings that an environment gives, on top of a machine on which nothing is weak."""
    for name in (*SERVER_VARIABLES, "DEMO"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOLO_RUN_DIR", str(tmp_path))
    # Rows are looked at below, with a database.
    monkeypatch.setattr(weak_settings, "_added", [])

    def judge(values: dict[str, str]) -> list[weak_settings.WeakSetting]:
        for name, value in {**BASE, **values}.items():
            monkeypatch.setenv(name, value)
        read = {**vars(global_settings), **runpy.run_path(SETTINGS)}
        monkeypatch.setattr(weak_settings, "settings", SimpleNamespace(**read))
        return weak_settings.weak_settings()

    return judge


@pytest.mark.pure
def test_control_nothing_is_weak_on_a_good_machine(judged: Any) -> None:
    assert judged({}) == []


@pytest.mark.pure
@pytest.mark.parametrize("row", _ids(MATRIX))
def test_setting_is_weak_in_production_and_not_in_development(judged: Any, row: Row) -> None:
    weak = judged(row.values)
    setting = "DATABASE_URL" if row.setting == "PGPASSWORD" else row.setting
    assert [(one.setting, one.refused) for one in weak] == [(setting, row.refused)]
    assert weak[0].todo
    assert not any(secret in weak[0].line for secret in published.SECRETS - {"password"})
    assert judged({**row.values, "DEBUG": "1"}) == []


@pytest.mark.pure
@pytest.mark.parametrize(("name", "value"), [("DEMO", "1"), ("ALLOWED_HOSTS", "*"), ("SECRET_KEY", "")])
def test_what_no_command_runs_with_is_refused_by_the_settings(judged: Any, name: str, value: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=name):
        judged({name: value})


@pytest.mark.pure
def test_every_rule_has_a_row_in_the_matrix(judged: Any) -> None:
    met = {(weak.setting, weak.what) for row in MATRIX for weak in judged(row.values)}
    assert met == {(rule.setting, str(rule.what)) for rule in weak_settings.RULES}


@pytest.mark.pure
def test_document_says_of_every_rule_whether_it_refuses_or_lists() -> None:
    rows = table_rows(ROOT / "docs" / "deploy.md", first_cell="setting")
    told = {name: cells for names, *cells in rows for name in re.findall(r"`(\w+)", names)}
    for rule in weak_settings.RULES:
        name = "RATE_" if rule.setting.startswith("RATE_") else rule.setting
        assert told[name][0 if rule.refused else 1], rule.setting


@pytest.mark.pure
def test_short_published_keys_are_refused_for_their_length(judged: Any) -> None:
    short = [secret for secret in published.SECRETS if len(secret) < SHORTEST_KEY]
    assert short
    for secret in short:
        with pytest.raises(ImproperlyConfigured, match="SECRET_KEY is too weak"):
            judged({"SECRET_KEY": secret})


@pytest.mark.pure
def test_a_short_text_that_is_repeated_is_refused(judged: Any) -> None:
    with pytest.raises(ImproperlyConfigured, match="SECRET_KEY is too weak"):
        judged({"SECRET_KEY": "abcdefghij" * 6})


# --- What is published --------------------------------------------------------------------------------

_SECRET = re.compile(
    r"\b[A-Z_]*(?:SECRET_KEY|PASSWORD|PWD|TOKEN)\b\s*[:=]\s*[\"']?([^\s\"'`${}<|]{4,})|"
    r"://[\w-]*:([^\s@/${}<|]{2,})@"
)
_RING = re.compile(r"\b[a-z0-9-]+:([A-Za-z0-9+/]{43}=)")
# Places to fill in: words in capitals, or dots.
_TO_FILL = re.compile(r"[A-Z]+|…|…|\?is")


def secrets_of(text: str) -> set[str]:
    """Return what a text gives as a secret, keys of a ring included."""
    found = {first or second for first, second in _SECRET.findall(text)}
    return {one for one in found if not _TO_FILL.match(one)} | set(_RING.findall(text))


@pytest.mark.pure
def test_control_secrets_are_found_in_a_text() -> None:
    text = "HOLO_APP_PASSWORD: abcd\nSECRET_KEY=efgh\nX: postgres://a:ijkl@h/x\nk1:" + "A" * 43 + "="
    assert secrets_of(text) == {"abcd", "efgh", "ijkl", "A" * 43 + "="}
    assert secrets_of("PASSWORD: ${PASSWORD:?is not set}, SECRET_KEY=… smtp://USER:PASSWORD@HOST") == set()


@pytest.mark.pure
def test_every_secret_that_the_files_show_is_refused() -> None:
    """Files that somebody copies from: of Compose, the example of `.env`, documents."""
    files = [*ROOT.glob("*.y*ml"), ROOT / ".env.example", ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    shown = {secret for file in files for secret in secrets_of(file.read_text(encoding="utf-8"))}
    known = published.SECRETS | {b64encode(key).decode() for key in published.KEYS}
    assert {"look-app", "look-owner", "look-superuser", "look-temporal"} <= shown
    assert shown - known == set()


# --- Who says so ----------------------------------------------------------------------------------------

WEAK = {
    "PAYMENT_GATEWAY": GATEWAY,
    "CARRIER": "",
    "SECRET_KEY": "known-to-everybody-for-a-first-look-and-nothing-else",
    "SECRETS_KEYRING": "",
    "TEMPORAL_KEYRING": "",
    "METRICS_TOKEN": "",
    "EMAIL_URL": "consolemail://",
    "PUBLIC_URL": "http://holo.example.com",
    "CSRF_TRUSTED_ORIGINS": "https://*.example.com",
    **dict.fromkeys(RATES, "off"),
}


def run(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a command with everything weak that can be."""
    command = [sys.executable, "-W", "ignore", "manage.py", *words]
    given = {**environment(), **WEAK, **more}
    return subprocess.run(command, cwd=ROOT, env=given, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("words", [("check", "--deploy"), ("doctor",), ("doctor", "--json")])
def test_all_that_is_weak_is_listed_with_what_to_do_and_exit_1(
    module_database: str, words: tuple[str, ...]
) -> None:
    done = run(*words)
    said = done.stdout + done.stderr
    assert done.returncode == 1, said
    for name in WEAK:
        assert re.search(rf"\b{name}\b", said), (name, said)
    for todo in ("orders/ports.py", "openssl rand -base64 48", "secrets new-key", "https://"):
        assert todo in said, (todo, said)
    assert "Traceback" not in said


@pytest.mark.parametrize(
    "words", [("check",), ("secrets", "new-key", "k1"), ("migrate", "--plan"), ("createsuperuser", "--help")]
)
def test_commands_that_come_before_the_first_start_run_all_the_same(
    module_database: str, words: tuple[str, ...]
) -> None:
    done = run(*words)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["DATABASE_URL", "MIGRATE_DATABASE_URL"])
def test_migrate_refuses_a_published_password_of_its_roles(
    name: str, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.DEBUG = False
    password = "look-owner" if name == "MIGRATE_DATABASE_URL" else "another"
    settings.MIGRATE_DATABASE_URL = f"postgres://holo_owner:{password}@127.0.0.1:1/holo"
    if name == "DATABASE_URL":
        monkeypatch.setitem(settings.DATABASES["default"], "PASSWORD", "look-app")
    with pytest.raises(CommandError, match=f"^{name} has a value that everybody can read") as refusal:
        call_command("migrate")
    assert refusal.value.returncode == 2


@pytest.fixture
def good(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> LazySettings:
    """Settings of production on which no rule but that of the demonstration's people looks."""
    settings.DEBUG = False
    monkeypatch.setattr(weak_settings, "RULES", ())
    # The tests' server runs without fsync.
    monkeypatch.setattr(fitness, "lossy_settings", list)
    return settings


@pytest.mark.usefixtures("good", "fresh_database")
def test_people_of_the_demonstration_keep_processes_from_starting() -> None:
    fitness.refuse_unfit_database()
    person = User.objects.create(email=DEMO_ADMIN, name="Ada", password=make_password(DEMO_PASSWORD))
    for _look in range(2):
        with pytest.raises(ImproperlyConfigured, match=r"^demo people can log in here"):
            fitness.refuse_unfit_database()
        (found,) = findings_of_settings()
        assert (found.name, found.good) == ("demo people", False)
    person.set_password("another-long-password")
    person.save()
    fitness.refuse_unfit_database()
    (found,) = findings_of_settings()
    assert (found.name, found.good) == ("settings", True)


@pytest.mark.usefixtures("good", "fresh_database")
def test_database_that_cannot_be_asked_keeps_nobody_from_starting_and_is_listed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(connection.settings_dict, "PORT", "1")
    connection.close()
    fitness.refuse_unfit_database()
    (found,) = findings_of_settings()
    assert (found.name, found.good) == ("demo people", False)
    assert "were not looked for" in found.detail
    connection.close()


@pytest.mark.pure
def test_nothing_is_judged_with_debug(settings: LazySettings) -> None:
    settings.DEBUG = True
    (found,) = findings_of_settings()
    assert (found.name, found.good) == ("settings", True)
