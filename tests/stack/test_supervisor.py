"""The supervisor on small real processes: order, restarts, ends, and nothing left behind."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import pytest

from holo.stack import console
from holo.stack.console import Console
from holo.stack.errors import StackError
from holo.stack.part import Part
from holo.stack.process import Launch
from holo.stack.supervisor import Supervisor
from tests.stack.conftest import ROOT, eventually, processes_with

pytestmark = pytest.mark.pure

_SLEEPER = "print('up', flush=True); import time; time.sleep(60)"
# Ignores a polite request, and has a child of its own.
_STUBBORN = """
import os, signal, subprocess, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen(['sleep', '60'])
print('up', flush=True)
time.sleep(60)
"""


class Stage:
    """Builds parts out of Python snippets and keeps what they write."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stream = StringIO()
        self.console = Console(folder / "logs", stream=self.stream)
        self.marker = f"STAGE={folder}"

    def launch(self, name: str, code: str, *, stop_timeout: float = 5) -> Callable[[], Launch]:
        env = {**os.environ, "STAGE": str(self.folder), "PYTHONUNBUFFERED": "1"}
        argv = (sys.executable, "-c", code)
        return lambda: Launch(name=name, argv=argv, cwd=self.folder, env=env, stop_timeout=stop_timeout)

    def lasting(
        self,
        name: str,
        code: str = _SLEEPER,
        *,
        after: tuple[str, ...] = (),
        stop_timeout: float = 5,
        **more: object,
    ) -> Part:
        launch = self.launch(name, code, stop_timeout=stop_timeout)
        return Part(name=name, launch=launch, after=after, ready_text=b"up", **more)  # type: ignore[arg-type]

    def task(self, name: str, code: str, *, after: tuple[str, ...] = (), **more: object) -> Part:
        return Part(name=name, launch=self.launch(name, code), after=after, task=True, **more)  # type: ignore[arg-type]

    def leftovers(self) -> dict[int, str]:
        return processes_with(self.marker + "\0")

    @property
    def said(self) -> str:
        return self.stream.getvalue()


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A place for a small stack."""
    one = Stage(tmp_path)
    yield one
    one.console.close()


def test_parts_start_after_what_they_need_and_the_end_of_one_ends_all(stage: Stage) -> None:
    parts = [
        stage.task("last", "print('hello'); raise SystemExit(3)", after=("second",), foreground=True),
        stage.lasting("second", after=("first",)),
        stage.task("first", "print('migrating')"),
    ]
    assert Supervisor(parts, stage.console, until="last").run() == 3
    lines = stage.said.splitlines()
    assert lines.index("first    | migrating") < lines.index("second   | up") < lines.index("hello")
    assert lines[-1].endswith("| stopped")
    assert (stage.folder / "logs" / "second.log").read_text() == "up\n"
    assert not stage.leftovers()


def test_what_ends_is_started_again_after_a_pause(stage: Stage) -> None:
    count = "n = len(open('runs', 'a+').write('x') * 'x' and open('runs').read())"
    code = f"{count}; print('up', flush=True); import time; time.sleep(60 if n > 1 else 0.2)"
    done = stage.task(
        "done", "import os, time\nwhile os.path.getsize('runs') < 2: time.sleep(0.05)", after=("part",)
    )
    assert Supervisor([stage.lasting("part", code), done], stage.console, until="done").run() == 0
    assert "part ended with 0, starting it again in 1 s" in stage.said


def test_vital_part_that_fails_at_once_stops_everything_with_its_last_words(stage: Stage) -> None:
    parts = [stage.lasting("good"), stage.lasting("bad", "raise OSError('no luck')", vital=True)]
    with pytest.raises(StackError, match=r"bad ended with 1: OSError: no luck \(see .*bad.log\)"):
        Supervisor(parts, stage.console).run()
    assert not stage.leftovers()


def test_failed_task_stops_everything(stage: Stage) -> None:
    parts = [stage.lasting("good"), stage.task("migrate", "raise SystemExit('no table')", vital=True)]
    with pytest.raises(StackError, match="migrate ended with 1: no table"):
        Supervisor(parts, stage.console).run()


def test_stop_goes_from_what_needs_to_what_is_needed(stage: Stage) -> None:
    note = "import signal, time\ndef end(*_):\n"
    note += "    open('ends', 'a').write('{0} '); time.sleep(0.1); raise SystemExit\n"
    note += "signal.signal(signal.SIGTERM, end); print('up', flush=True); time.sleep(60)"
    parts = [
        stage.lasting("server", note.replace("{0}", "server")),
        stage.task("migrate", "pass", after=("server",)),
        stage.lasting("web", note.replace("{0}", "web"), after=("migrate",)),
        stage.task("end", "pass", after=("web",)),
    ]
    assert Supervisor(parts, stage.console, until="end").run() == 0
    assert (stage.folder / "ends").read_text() == "web server "


def test_one_that_ignores_the_request_is_killed_with_its_children(stage: Stage) -> None:
    parts = [
        stage.lasting("stubborn", _STUBBORN, stop_timeout=0.3),
        stage.task("end", "pass", after=("stubborn",)),
    ]
    assert Supervisor(parts, stage.console, until="end").run() == 0
    assert not stage.leftovers()


def test_second_interrupt_kills_at_once(stage: Stage) -> None:
    part = stage.lasting("stubborn", _STUBBORN, stop_timeout=60)

    def interrupt_twice() -> None:
        for word in ("up", "stopping"):
            eventually(lambda word=word: f"| {word}" in stage.said)  # type: ignore[misc]
            os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt_twice)
    thread.start()
    assert Supervisor([part], stage.console).run() == 0
    thread.join()
    assert not stage.leftovers()


def test_foreground_task_quiets_the_others_while_it_runs(stage: Stage) -> None:
    chatter = (
        "print('up', flush=True)\nimport time\nwhile True: print('chatter', flush=True); time.sleep(0.02)"
    )
    parts = [
        stage.lasting("noisy", chatter),
        stage.task(
            "demo",
            "import time; print('step'); time.sleep(0.3); print('end')",
            after=("noisy",),
            foreground=True,
        ),
    ]
    assert Supervisor(parts, stage.console, until="demo").run() == 0
    between = stage.said[stage.said.index("step") : stage.said.index("end")]
    assert "chatter" not in between
    assert "chatter" in (stage.folder / "logs" / "noisy.log").read_text()


def test_killed_supervisor_leaves_no_child_and_no_grandchild(stage: Stage) -> None:
    parent = "import subprocess, signal, time, sys\nchild = subprocess.Popen(['sleep', '60'])\n"
    parent += "signal.signal(signal.SIGTERM, lambda *_: (child.terminate(), sys.exit()))\n"
    parent += "print('up', flush=True)\ntime.sleep(60)"
    code = f"""
import django; django.setup()
from pathlib import Path
from holo.stack.supervisor import Supervisor
from tests.stack.test_supervisor import Stage
stage = Stage(Path({str(stage.folder)!r}))
Supervisor([stage.lasting("plain"), stage.lasting("parent", {parent!r})], stage.console).run()
"""
    supervisor = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.DEVNULL)
    assert eventually(lambda: len(stage.leftovers()) == 3)
    supervisor.kill()
    supervisor.wait()
    assert eventually(lambda: not stage.leftovers(), seconds=60)


def test_logs_are_bounded_while_their_part_goes_on_writing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "_FILE_BYTES", 2_000)
    stage.console.quiet = True
    talker = stage.task("talker", "for number in range(1000): print(f'line {number:>6}', flush=True)")
    assert Supervisor([talker], stage.console, until="talker").run() == 0
    stage.console.close()
    logs = stage.folder / "logs"
    newest_last = ["talker.log.2", "talker.log.1", "talker.log"]
    assert sorted(path.name for path in logs.iterdir()) == sorted(newest_last)
    texts = [(logs / name).read_text() for name in newest_last]
    assert all(len(text) <= 2_000 + len("line      0\n") for text in texts)
    # The last lines are all there, in their order, and none is cut.
    kept = "".join(texts).splitlines()
    assert len(kept) > 300
    assert kept == [f"line {number:>6}" for number in range(1000 - len(kept), 1000)]
