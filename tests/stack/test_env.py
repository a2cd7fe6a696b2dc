"""What counts as given, and what `.run/env` keeps."""

import os
from pathlib import Path

import pytest

from holo.secretstore.keyring import parse_keyring
from holo.stack.env import base_values, child_environment, prepare, read_file, run_dir, write_run_env

pytestmark = pytest.mark.pure


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty `.run`."""
    monkeypatch.setenv("HOLO_RUN_DIR", str(tmp_path))
    return tmp_path


def test_secret_key_is_made_once(given: dict[str, str]) -> None:
    values = base_values(demo=False)
    assert len(values["SECRET_KEY"]) > 40
    write_run_env(values)
    assert base_values(demo=True) == {**values, "DEMO": "1"}


def test_rings_are_made_once_and_have_no_key_in_common(given: dict[str, str]) -> None:
    values = base_values(demo=False)
    write_run_env(values)
    secrets, payloads = (parse_keyring(values[f"{name}_KEYRING"]) for name in ("SECRETS", "TEMPORAL"))
    assert (secrets.current, payloads.current) == ("k1", "t1")
    assert set(secrets.keys.values()).isdisjoint(payloads.keys.values())
    assert base_values(demo=False) == values


def test_ring_of_a_file_or_for_a_temporal_of_others_is_not_made(given: dict[str, str]) -> None:
    """Runs of a Temporal that `up` does not start outlive the ring in `.run`."""
    given |= {"SECRETS_KEYRING_FILE": "/mine", "TEMPORAL_ADDRESS": "temporal.internal:7233"}
    assert not {"SECRETS_KEYRING", "TEMPORAL_KEYRING"} & set(base_values(demo=False))


def test_given_secrets_are_not_written_down(given: dict[str, str], folder: Path) -> None:
    given |= {
        "SECRET_KEY": "mine",
        "SECRETS_KEYRING": "k1:mine",
        "TEMPORAL_KEYRING": "t1:mine",
        "DATABASE_URL": "postgres://mine",
        "PORT_OFFSET": "40",
    }
    values = base_values(demo=False)
    assert values["SECRET_KEY"] == "mine"
    write_run_env({**values, "REDIS_URL": "redis://127.0.0.1/0"})
    assert read_file(folder / "env") == {
        "DEBUG": "1",
        "DEMO": "0",
        "PORT_OFFSET": "40",
        "REDIS_URL": "redis://127.0.0.1/0",
    }
    assert (folder / "env").stat().st_mode & 0o777 == 0o600


def test_children_get_what_was_given_and_what_was_decided(given: dict[str, str]) -> None:
    given |= {"LANG": "C", "DATABASE_URL": "postgres://given"}
    environment = child_environment({"REDIS_URL": "redis://decided"})
    assert environment["LANG"] == "C"
    assert environment["DATABASE_URL"] == "postgres://given"
    assert environment["REDIS_URL"] == "redis://decided"
    assert environment["HOLO_RUN_DIR"] == str(run_dir())


@pytest.mark.parametrize(
    ("command", "debug", "expected", "key"),
    [
        ("up", None, "1", True),
        ("migrate", None, None, False),
        ("up", "0", "0", True),
        ("doctor", None, "1", True),
        # In production it must say that there is none.
        ("doctor", "0", "0", False),
    ],
)
def test_stack_commands_start_unconfigured(
    command: str,
    debug: str | None,
    expected: str | None,
    key: bool,
    monkeypatch: pytest.MonkeyPatch,
    given: dict[str, str],
) -> None:
    monkeypatch.delenv("SECRET_KEY", raising=False)
    monkeypatch.delenv("DEBUG", raising=False)
    if debug is not None:
        monkeypatch.setenv("DEBUG", debug)
    prepare(["manage.py", command])
    assert os.environ.get("DEBUG") == expected
    assert ("SECRET_KEY" in os.environ) == key
