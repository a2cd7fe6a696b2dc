"""`manage.py secrets`: what operators type; and rotation that survives `kill -9` at any batch."""

import io
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings, settings
from django.core.management import call_command
from django.core.management.base import CommandError

from holo.audit.models import AuditEvent
from holo.identity.models import Environment
from holo.identity.roles import Role
from holo.secretstore.keyring import make_entry, parse_keyring
from holo.secretstore.models import SecretVersion
from holo.secretstore.places import place_of
from holo.secretstore.selectors import count_versions_by_key
from holo.secretstore.services import get_secret
from tests.identity.people import Team
from tests.proof import dice, rounds
from tests.secretstore.conftest import NEW, OLD

ROOT = Path(__file__).resolve().parents[2]


def run(*words: str, stdin: str = "", monkeypatch: pytest.MonkeyPatch | None = None) -> str:
    """Run the command in this process; return what it prints."""
    out = io.StringIO()
    if monkeypatch is not None:
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
    call_command("secrets", *words, stdout=out)
    return out.getvalue()


def refused(*words: str) -> tuple[int, str]:
    with pytest.raises(CommandError) as refusal:
        run(*words)
    return refusal.value.returncode, str(refusal.value)


def test_a_secret_is_kept_read_listed_and_deleted(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    place = f"{team.organization.slug}/shop/production"
    assert run("set", "pay", "--in", place, stdin='"one"', monkeypatch=monkeypatch) == "pay: version 1\n"
    assert (
        run("set", "pay", "--in", place, stdin='{"a": "\u5b57"}', monkeypatch=monkeypatch)
        == "pay: version 2\n"
    )
    assert run("get", "pay", "--in", place) == '{"a": "\u5b57"}\n'
    assert run("get", "pay", "--in", place, "--version", "1") == '"one"\n'
    assert run("list", "--in", place) == "pay  2\n"
    assert [line.split()[0] for line in run("versions", "pay", "--in", place).splitlines()] == ["2", "1"]
    assert run("delete", "pay", "--in", place) == "pay: all versions are wiped\n"
    assert "wiped" in run("versions", "pay", "--in", place)
    assert refused("get", "pay", "--in", place) == (2, "there is no secret pay here")
    labels = set(
        AuditEvent.objects.filter(action__startswith="secretstore").values_list("actor_label", flat=True)
    )
    assert labels == {"manage.py secrets"}


class Stdin:
    """Bytes on stdin, whatever encoding the terminal has."""

    def __init__(self, data: bytes) -> None:
        self.buffer = io.BytesIO(data)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        ('"e\u0301\u2028\x85\u3164"'.encode(), "e\u0301\u2028\x85\u3164"),
        (b'\xef\xbb\xbf"a\\r\\n"\r\n', "a\r\n"),
        (b"[1.50, 1e5, -0.0, 12345678901234567890123]", [1.5, 1e5, -0.0, 12345678901234567890123]),
        (b'"\\u0000"', "\0"),
    ],
)
def test_a_value_from_stdin_comes_back_as_it_was(
    team: Team, monkeypatch: pytest.MonkeyPatch, data: bytes, value: object
) -> None:
    monkeypatch.setattr(sys, "stdin", Stdin(data))
    run("set", "pay")
    assert json.loads(run("get", "pay")) == value
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    call_command("secrets", "get", "pay", stdout=out)
    out.seek(0)
    assert json.loads(out.read()) == value


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b'"\xe9"', "this is not UTF-8"),
        ('"é"'.encode("utf-16"), "starts with a byte order mark"),
        (b"0.10000000000000000001", "more digits than JSON keeps"),
        (b"1e400", "more digits than JSON keeps"),
        (b"1e99999999999999999999", "more digits than JSON keeps"),
        (b"NaN", "the number is not finite"),
        (b'"\\ud800"', "half of a surrogate pair"),
    ],
)
def test_a_value_that_would_come_back_changed_is_refused(
    team: Team, monkeypatch: pytest.MonkeyPatch, data: bytes, says: str
) -> None:
    monkeypatch.setattr(sys, "stdin", Stdin(data))
    code, message = refused("set", "pay")
    assert (code, says in message) == (2, True), message


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("get", "pay"), 2, "there is no secret pay here"),
        (("list", "--in", "no-such"), 2, "there is no place no-such"),
        (("list", "--in", "a/b/c/d"), 2, "there is no place a/b/c/d"),
        (("rotate", "--batch", "0"), 2, "--batch is 1 to 10000"),
        (("new-key", "K 1"), 2, "an id has 1 to 32"),
    ],
)
def test_bad_words_are_refused(team: Team, words: tuple[str, ...], code: int, says: str) -> None:
    found, message = refused(*words)
    assert (found, says in message) == (code, True), message


def test_what_is_no_json_is_refused_without_showing_it(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CommandError, match="stdin is not JSON") as refusal:
        run("set", "pay", stdin="hunter2", monkeypatch=monkeypatch)
    assert "hunter2" not in str(refusal.value)


def test_a_new_key_fits_into_the_ring() -> None:
    assert parse_keyring(run("new-key", "k9").strip()).current == "k9"


def test_verify_names_what_does_not_open(
    team: Team, monkeypatch: pytest.MonkeyPatch, ring: LazySettings
) -> None:
    run("set", "good", stdin="1", monkeypatch=monkeypatch)
    run("set", "bad", stdin="2", monkeypatch=monkeypatch)
    assert run("verify") == "2 open, 0 do not\n"
    version = SecretVersion.objects.get(secret__name="bad")
    version.data_key = bytes(version.data_key or b"")[:-1] + b"?"
    version.save()
    assert refused("verify") == (3, "not every secret opens")
    ring.KEYRING = parse_keyring(make_entry("k1"))
    assert refused("get", "good")[0] == 3


def test_rotation_lets_the_old_key_go(
    team: Team, monkeypatch: pytest.MonkeyPatch, ring: LazySettings
) -> None:
    for number in range(7):
        run("set", f"n{number}", stdin=str(number), monkeypatch=monkeypatch)
    run("delete", "n6")
    ring.KEYRING = parse_keyring(f"{NEW},{OLD}")
    said = run("rotate", "--batch", "2")
    assert said.splitlines()[-1] == "all under k2: 6 resealed, 0 left"
    assert said.splitlines()[:-1] == ["2 resealed", "4 resealed", "6 resealed"]
    assert run("rotate") == "all under k2: 0 resealed, 0 left\n"
    ring.KEYRING = parse_keyring(NEW)
    assert [run("get", f"n{number}").strip() for number in range(6)] == [str(number) for number in range(6)]
    assert run("verify") == "6 open, 0 do not\n"
    assert AuditEvent.objects.filter(action="secretstore.secrets_resealed").count() == 3


def test_rotation_does_not_begin_without_a_key_that_rows_need(
    team: Team, monkeypatch: pytest.MonkeyPatch, ring: LazySettings
) -> None:
    run("set", "pay", stdin="1", monkeypatch=monkeypatch)
    before = SecretVersion.objects.values().get()
    ring.KEYRING = parse_keyring(NEW)
    code, message = refused("rotate")
    assert (code, "k1" in message) == (3, True)
    assert SecretVersion.objects.values().get() == before


def test_rotation_killed_at_any_batch_is_finished_by_the_next(
    team: Team, production: Environment, ring: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reads go on all the time and none fails; a batch is whole or not there."""
    place = f"{team.organization.slug}/shop/production"
    count, batch = 60, 3
    for number in range(count):
        run("set", f"n{number}", "--in", place, stdin=str(number), monkeypatch=monkeypatch)
    both = f"{NEW},{OLD}"
    ring.KEYRING = parse_keyring(both)
    stop, reads = threading.Event(), [0]
    failures: list[Any] = []
    reader = threading.Thread(target=_read_on, args=(team, production, count, stop, failures, reads))
    reader.start()
    kills = 0
    try:
        for _ in range(max(2, rounds(40))):
            kills += _rotate_and_kill(both, batch, after=dice("rotation").uniform(0, 0.15))
            sealed = count_versions_by_key()
            assert sum(sealed.values()) == count
            assert sealed.get("k2", 0) % batch == 0, sealed
        assert run("rotate").splitlines()[-1].endswith(", 0 left")
    finally:
        stop.set()
        reader.join(60)
    assert (failures, reads[0] > count) == ([], True)
    assert kills > 0
    ring.KEYRING = parse_keyring(NEW)
    assert run("verify") == f"{count} open, 0 do not\n"


def _rotate_and_kill(ring: str, batch: int, *, after: float) -> int:
    """Start a rotation, kill it some time after its first batch; return 1 if it was still at work."""
    process = subprocess.Popen(
        [sys.executable, "manage.py", "secrets", "rotate", "--batch", str(batch)],
        cwd=ROOT,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "holo.settings",
            "SECRETS_KEYRING": ring,
            "PYTHONUNBUFFERED": "1",
        },
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(after)
    running = process.poll() is None
    process.kill()
    process.wait()
    process.stdout.close()
    return int(running)


def _read_on(
    team: Team,
    production: Environment,
    count: int,
    stop: threading.Event,
    failures: list[Any],
    reads: list[int],
) -> None:
    from django.db import connection

    actor, place = team.actor(Role.OWNER), place_of(production)
    while not stop.is_set():
        number = reads[0] % count
        try:
            value = get_secret(actor=actor, place=place, name=f"n{number}", schema=int)
            if value != number:
                failures.append((number, value))
        except Exception as error:  # noqa: BLE001 - each is a failed read
            failures.append(error)
        reads[0] += 1
    connection.close()


def test_the_ring_is_no_part_of_the_settings_that_django_shows() -> None:
    from django.views.debug import SafeExceptionReporterFilter

    shown = str(SafeExceptionReporterFilter().get_safe_settings())
    assert "KEYRING" in shown
    assert not any(str(key) in shown for key in settings.KEYRING.keys.values())
    assert "'TEMPORAL_KEYRING': '****" in shown
