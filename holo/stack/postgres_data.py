"""The data folder of the embedded PostgreSQL: made whole or not at all, and checked before each start."""

import hashlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from django.utils.translation import gettext as _

from holo.stack.errors import StackError
from holo.stack.ports import command_of
from holo.stack.postgres_binaries import PostgresBinaries
from holo.stack.process import Launch, explain, spawn
from holo.stack.rootless import Identity

# Where another user's data lives when it can't stay in the checkout.
FOREIGN_HOME = Path("/var/lib/holo")
_SECRETS = "holo_secrets.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """The passwords of the three roles; random, so they need no slow hash."""

    superuser: str
    owner: str
    app: str


def read_secrets(data_dir: Path) -> Secrets:
    """Return the passwords that were made with the data folder."""
    return Secrets(**json.loads((data_dir / _SECRETS).read_text()))


def data_major(data_dir: Path) -> int | None:
    """Return the major version that made the folder; None where there is no data yet."""
    if not data_dir.exists() or not any(data_dir.iterdir()):
        return None
    if not all((data_dir / part).exists() for part in ("PG_VERSION", "global/pg_control", _SECRETS)):
        raise StackError(
            _("%(folder)s is not a whole PostgreSQL data folder; `make reset` removes it")
            % {"folder": data_dir}
        )
    return int((data_dir / "PG_VERSION").read_text().split(".")[0])


def settle(data_dir: Path, identity: Identity) -> None:
    """Give another user's data a home which that user can reach; `data_dir` becomes a link to it."""
    if not identity.switches_user or data_dir.is_symlink():
        return
    home = FOREIGN_HOME / hashlib.sha256(str(data_dir.absolute()).encode()).hexdigest()[:16]
    try:
        FOREIGN_HOME.mkdir(parents=True, exist_ok=True, mode=0o755)
        home.mkdir(exist_ok=True, mode=0o700)
        if data_dir.is_dir():
            shutil.move(data_dir, home / data_dir.name)
        for path in (home, *home.rglob("*")):
            os.chown(path, identity.uid, identity.gid, follow_symlinks=False)
        data_dir.symlink_to(home / data_dir.name)
    except OSError as error:
        raise StackError(
            _("PostgreSQL refuses to run as root and %(home)s can't be used (%(why)s); set DATABASE_URL")
            % {"home": home, "why": error.strerror}
        ) from None


def remove(data_dir: Path) -> None:
    """Delete the data folder, wherever it lives."""
    if data_dir.is_symlink():
        shutil.rmtree(data_dir.resolve().parent, ignore_errors=True)
        data_dir.unlink()
    shutil.rmtree(data_dir, ignore_errors=True)


def initialise(data_dir: Path, binaries: PostgresBinaries, identity: Identity, *, durable: bool) -> None:
    """Make the data beside its place and rename it, so that a half-made folder never counts as whole."""
    target = data_dir.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    for leftover in target.parent.glob(f"{target.name}.new*"):
        shutil.rmtree(leftover, ignore_errors=True)
    partial = target.with_name(f"{target.name}.new{os.getpid()}")
    passwords = Secrets(
        superuser=secrets.token_urlsafe(24), owner=secrets.token_urlsafe(24), app=secrets.token_urlsafe(24)
    )
    password_file = target.with_name(f".{target.name}.password")
    try:
        _write_private(password_file, passwords.superuser, identity)
        _run_initdb(partial, binaries, identity, password_file, durable=durable)
        _write_private(partial / _SECRETS, json.dumps(asdict(passwords)), identity)
        if target.exists():
            target.rmdir()
        partial.rename(target)
    except OSError as error:
        raise StackError(_("PostgreSQL's data can't be made: %(why)s") % {"why": error.strerror}) from None
    finally:
        password_file.unlink(missing_ok=True)
        shutil.rmtree(partial, ignore_errors=True)


def check_pid_file(data_dir: Path, *, patience: float = 5.0) -> None:
    """Remove a pid file that names no PostgreSQL of this folder; wait for one that is about to end.

    PostgreSQL itself only asks whether the number lives, and after a crash it may be anybody's.
    """
    pid_file = data_dir / "postmaster.pid"
    until = time.monotonic() + patience
    while pid_file.exists():
        words = pid_file.read_text().split()
        pid = int(words[0]) if words and words[0].isdigit() else 0
        if not _serves(pid, data_dir):
            pid_file.unlink(missing_ok=True)
            return
        if time.monotonic() > until:
            raise StackError(
                _("another PostgreSQL (pid %(pid)d) uses %(folder)s") % {"pid": pid, "folder": data_dir}
            )
        time.sleep(0.1)


def _serves(pid: int, data_dir: Path) -> bool:
    if not Path("/proc/self").exists():
        return pid > 0  # no way to tell here; PostgreSQL judges by itself
    try:
        works_in = Path(f"/proc/{pid}/cwd").resolve(strict=True)
    except OSError:
        return False
    # A postmaster works in its data folder.
    return works_in == data_dir.resolve() and "postgres" in command_of(pid)


def _run_initdb(
    partial: Path, binaries: PostgresBinaries, identity: Identity, password_file: Path, *, durable: bool
) -> None:
    locale = "C.UTF-8" if sys.platform.startswith("linux") else "C"
    command = [str(binaries.program("initdb")), "-D", str(partial), "-U", "postgres", "-E", "UTF8"]
    command += ["-A", "scram-sha-256", f"--locale={locale}", "--no-instructions", f"--pwfile={password_file}"]
    if not durable:
        command.append("--no-sync")
    process = spawn(
        Launch(name="initdb", argv=tuple(command), cwd=partial.parent, identity=identity), subprocess.PIPE
    )
    said = process.communicate()[0].decode(errors="replace")
    if process.returncode != 0:
        raise StackError(_("PostgreSQL's data can't be made: %(why)s") % {"why": explain(said)})


def _write_private(path: Path, text: str, identity: Identity) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    if identity.switches_user:
        os.chown(path, identity.uid, identity.gid)
