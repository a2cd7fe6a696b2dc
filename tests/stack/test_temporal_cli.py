"""Finding and getting the Temporal CLI: half-made binaries never count, two at once get it once."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from holo.stack import temporal_fetch
from holo.stack.errors import StackError
from holo.stack.temporal_cli import find_temporal, inspect
from holo.stack.temporal_fetch import build_with_go, fetch_temporal

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
    assert sorted(path.name for path in cache.iterdir()) == [".lock", "temporal"]


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
    assert sorted(path.name for path in cache.iterdir()) == [".lock", "temporal"]


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
