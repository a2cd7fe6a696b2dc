"""The Temporal CLI, one binary that is server, Web UI and client: where it is, whether it is new enough."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from django.utils.translation import gettext as _

from holo.stack.errors import StackError
from holo.stack.temporal_origin import is_outdated

FLOOR = (1, 29)


@dataclass(frozen=True, slots=True, kw_only=True)
class TemporalBinary:
    """A CLI that was seen to run; `server` is the version of the server inside, like 1.29.1."""

    path: Path
    server: str


def cache_dir() -> Path:
    """Return the folder that keeps the binary for all checkouts of this user."""
    return Path.home() / ".cache" / "holo" / "bin"


def find_temporal(*, cache: Path | None = None) -> TemporalBinary | None:
    """Return the binary that TEMPORAL_CLI names, else the cached one, else the one on PATH, else None.

    A TEMPORAL_CLI that does not fit is an error: somebody asked for exactly that one. A cached one of another
    version than the one that is fetched or built now does not count.
    """
    named = os.environ.get("TEMPORAL_CLI", "")
    if named:
        binary = inspect(Path(named).expanduser())
        if binary is None:
            raise StackError(
                _("TEMPORAL_CLI=%(path)s is no Temporal CLI with server %(floor)s or newer")
                % {"path": named, "floor": _floor()}
            )
        return binary
    on_path = shutil.which("temporal")
    places = [(cache or cache_dir()) / "temporal", *([Path(on_path)] if on_path else [])]
    found = (inspect(path) for path in places if not is_outdated(path))
    return next((binary for binary in found if binary is not None), None)


def require_temporal() -> TemporalBinary:
    """Return the binary, or raise StackError with the way to get it."""
    binary = find_temporal()
    if binary is None:
        raise StackError(_("no Temporal CLI found; `manage.py up` gets it, or set TEMPORAL_CLI"))
    return binary


def inspect(path: Path) -> TemporalBinary | None:
    """Run the binary for its version; None when it is absent, half-made or too old."""
    if not os.access(path, os.X_OK) or path.is_dir():
        return None
    try:
        answer = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=15, check=True)
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    # Built from source the CLI calls itself 0.0.0-DEV, so the server's version counts.
    version = re.search(r"\(Server (\d+)\.(\d+)\.(\d+)", answer.stdout)
    if version is None or (int(version[1]), int(version[2])) < FLOOR:
        return None
    return TemporalBinary(path=path, server=".".join(version.groups()))


def _floor() -> str:
    return ".".join(map(str, FLOOR))
