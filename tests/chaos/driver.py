"""Plays orders whose worker is killed at a named point: `python -m tests.chaos.driver CASES RESULTS`.

A process of its own for each of several drivers that run side by side, each with a database and a namespace;
the relay runs inside, workers beside it. Results are written as they come, one JSON object a line.
"""

import json
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import django

# How long the order may take from the death of its worker to its end.
LIMIT = 60.0


@dataclass(slots=True)
class Worker:
    """A worker that dies at a point, and the one that is started when it has."""

    point: str
    mark: Path
    died_at: float | None = None
    _stop: threading.Event = field(default_factory=threading.Event)

    def serve(self) -> None:
        """Run worker processes, the next one when one has died, until told to stop."""
        from tests.live import worker_process

        while not self._stop.is_set():
            with worker_process({"CRASH_POINT": self.point, "CRASH_MARK": str(self.mark)}) as process:
                while process.poll() is None and not self._stop.wait(0.02):
                    pass
                if process.returncode == -signal.SIGKILL:
                    self.died_at = time.monotonic()

    def stop(self) -> None:
        """Let the running worker end."""
        self._stop.set()


@contextmanager
def replaced_worker(point: str) -> Iterator[Worker]:
    """Run a worker that dies at `point`, then another one, until the block ends."""
    with tempfile.TemporaryDirectory() as folder:
        worker = Worker(point, Path(folder) / "died")
        thread = threading.Thread(target=worker.serve)
        thread.start()
        try:
            yield worker
        finally:
            worker.stop()
            thread.join()


def play(branch_name: str, point: str) -> dict[str, object]:
    """Play one branch with one kill; return what was wrong and how long the order took after the kill."""
    from tests.branches import BRANCHES
    from tests.chaos.books import disagreements
    from tests.live import end_open_runs, ends
    from tests.stories import build_shop

    branch = BRANCHES[branch_name]
    shop = build_shop()
    before = shop.stock()
    problems: list[str] = []
    with replaced_worker(point) as worker:
        try:
            order = branch.play(shop)
            ends(order, branch.end, within=LIMIT)
            problems = disagreements(shop, before, order)
        except AssertionError as error:
            problems = [str(error).partition("\n")[0]]
            end_open_runs()
        seconds = time.monotonic() - (worker.died_at or time.monotonic())
    if worker.died_at is None:
        problems.append("the worker did not get to the point")
    if seconds > LIMIT:
        problems.append(f"the order took {seconds:.0f} s after the kill")
    return {"problems": problems, "seconds": round(seconds, 1)}


def main(cases: Path, results: Path) -> None:
    """Play all cases, one after the other."""
    from tests.live import running_relay

    with running_relay(), results.open("w", encoding="utf-8") as output:
        for case in json.loads(cases.read_text(encoding="utf-8")):
            found = play(case["branch"], case["point"])
            output.write(json.dumps({**case, **found}) + "\n")
            output.flush()


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    main(Path(sys.argv[1]), Path(sys.argv[2]))
