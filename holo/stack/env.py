"""The environment of the stack: what somebody gave, what `up` adds, and `.run/env`, where others read it.

Given means the process environment or `.env`. Django's settings later pour `.run/env` into the process
environment, so what was given has to be noted before they are loaded: `manage.py` calls `prepare`.
"""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import environ

from holo.env_file import read_env_file
from holo.environment import refuse
from holo.secretstore.keyring import make_entry

BASE_DIR: Final = Path(__file__).resolve().parent.parent.parent
# Commands that must work before anything is configured.
_UNCONFIGURED = {"up", "down", "reset", "doctor", "get_temporal"}
_TRUE = {"1", "true", "yes", "on", "y", "ok"}
_given: dict[str, str] | None = None


def prepare(argv: list[str]) -> None:
    """Note what was given; let the stack's own commands start where nothing is configured."""
    global _given
    _given = {**read_file(BASE_DIR / ".env"), **os.environ}
    known = {**read_file(run_dir() / "env"), **_given}
    if len(argv) > 1 and argv[1] in _UNCONFIGURED:
        if "DEBUG" not in known:
            os.environ["DEBUG"] = "1"
        # These commands sign nothing, so any key will do; that production has none, `doctor` must say.
        if not known.get("SECRET_KEY") and (argv[1] != "doctor" or is_true(known.get("DEBUG", "1"))):
            os.environ["SECRET_KEY"] = secrets.token_urlsafe(50)


def given() -> Mapping[str, str]:
    """Return what the user set, without anything that an earlier `up` wrote."""
    if _given is None:
        prepare([])
    return _given or {}


def run_dir() -> Path:
    """Return the folder of the running stack's state."""
    named = os.environ.get("HOLO_RUN_DIR") or (_given or {}).get("HOLO_RUN_DIR")
    return Path(named or BASE_DIR / ".run")


def is_true(value: str) -> bool:
    """Return whether an environment variable means yes, as the settings read it."""
    return value.strip().lower() in _TRUE


def read_file(path: Path) -> dict[str, str]:
    """Return the variables of an env file, read as the settings read it; none when there is no file."""

    class Reader(environ.Env):  # type: ignore[misc]
        """An Env of its own, so that nothing leaks into the process environment."""

        ENVIRON: dict[str, str] = {}

    if path.is_file():
        problems: list[str] = []
        read_env_file(path, problems, Reader)
        refuse(problems)
    return dict(Reader.ENVIRON)


def base_values(*, demo: bool) -> dict[str, str]:
    """Return the values that do not depend on which servers are embedded, with a secret key made once."""
    user = given()
    known = read_file(run_dir() / "env")
    return {
        "SECRET_KEY": user.get("SECRET_KEY") or known.get("SECRET_KEY") or secrets.token_urlsafe(50),
        **_keyrings(user, known),
        "DEBUG": user.get("DEBUG", "1"),
        "DEMO": "1" if demo else user.get("DEMO", "0"),
        "PORT_OFFSET": user.get("PORT_OFFSET", "0"),
    }


def _keyrings(user: Mapping[str, str], known: Mapping[str, str]) -> dict[str, str]:
    """Return the rings that seal secrets and payloads, each made once; none where the user names a file.

    None is made for a Temporal of the user's own: its runs would outlive `.run`, and others may serve them.
    """
    made = {"SECRETS_KEYRING": "k1"} | ({} if user.get("TEMPORAL_ADDRESS") else {"TEMPORAL_KEYRING": "t1"})
    return {
        name: user.get(name) or known.get(name) or make_entry(key_id)
        for name, key_id in made.items()
        if not user.get(f"{name}_FILE")
    }


def write_run_env(values: Mapping[str, str]) -> None:
    """Write `.run/env`, readable by its owner alone, in one step; given secrets stay where they are."""
    kept = {key: value for key, value in values.items() if key in _PUBLIC or not given().get(key)}
    target = run_dir() / "env"
    partial = target.with_name(f"env.new{os.getpid()}")
    lines = ["# Written by `manage.py up`; the environment and .env come first."]
    lines += [f"{key}={value}" for key, value in kept.items()]
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write("\n".join(lines) + "\n")
    partial.replace(target)


def child_environment(values: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the product's processes: what was given, then what `up` decided."""
    fixed = {
        "DJANGO_SETTINGS_MODULE": "holo.settings",
        "PYTHONUNBUFFERED": "1",
        "HOLO_RUN_DIR": str(run_dir()),
    }
    return {**given(), **values, **fixed}


_PUBLIC = frozenset({"DEBUG", "DEMO", "PORT_OFFSET"})
