"""`POST /orders` of an earlier commit and of this one, in turns; each tree has a database of its own.

    git worktree add /tmp/before COMMIT && ln -s "$PWD/.venv" /tmp/before/.venv
    .venv/bin/python -m benchmarks.pairs /tmp/before

Prints each pair, the medians, the ratio's median with its 95 % interval (bootstrap), and how many statements
one order sends. Both servers run all the time; the one whose turn it is not is idle.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any
from unittest import mock
from urllib.error import URLError
from urllib.request import urlopen

_START_SECONDS, _RESAMPLES = 120.0, 10_000


def main() -> int:
    """Measure in turns, or be one of the two sides."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pairs", description=__doc__)
    parser.add_argument("before", type=Path, nargs="?", help="a worktree of an earlier commit")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    parser.add_argument("--side", type=int, metavar="OFFSET", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side is not None:
        _serve(options.side)
    elif options.before is None:
        parser.error("name a worktree of an earlier commit")
    else:
        _compare(options.before, options.rounds, options.seconds)
    return 0


def _compare(before: Path, rounds: int, seconds: float) -> None:
    here = Path(__file__).resolve().parent.parent
    folders = {"before": before.resolve(), "after": here}
    sides = {
        name: _started(folder, 9600 + 200 * number) for number, (name, folder) in enumerate(folders.items())
    }
    try:
        found: dict[str, list[list[float]]] = {name: [] for name in sides}
        statements = {name: _answer(side) for name, side in sides.items()}
        for number in range(rounds + 1):
            for name in sorted(sides, reverse=number % 2 == 0):
                answer = _ask(sides[name], seconds)
                # The first round warms both up.
                if number:
                    found[name].append(answer)
            if number:
                print(json.dumps({name: answers[-1] for name, answers in found.items()}), flush=True)
        ratios = [new[0] / old[0] for old, new in zip(found["before"], found["after"], strict=True)]
        low, high = _interval(ratios)
        summary = {
            name: {"per_second": median(a[0] for a in answers), "p95_ms": median(a[1] for a in answers)}
            for name, answers in found.items()
        }
        print(json.dumps({"medians": summary, "statements": statements}))
        print(json.dumps({"pairs": rounds, "ratio": median(ratios), "from": low, "to": high}))
    finally:
        for side in sides.values():
            side.stdin.close()
            side.wait(_START_SECONDS)


def _interval(ratios: list[float]) -> tuple[float, float]:
    """Return the 95 % interval of the median (percentile bootstrap, with a fixed seed)."""
    chance = random.Random(1)
    medians = sorted(median(chance.choices(ratios, k=len(ratios))) for _ in range(_RESAMPLES))
    return medians[_RESAMPLES // 40], medians[-_RESAMPLES // 40]


def _started(folder: Path, offset: int) -> Any:
    # By its path, for the earlier commit may lack this file; -P: the other modules are that commit's.
    command = [str(folder / ".venv" / "bin" / "python"), "-P", __file__, "--side", str(offset)]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=folder, env=environment, stdin=pipe, stdout=pipe, text=True)


def _ask(side: Any, seconds: float) -> Any:
    side.stdin.write(f"{seconds}\n")
    side.stdin.flush()
    return _answer(side)


def _answer(side: Any) -> Any:
    return json.loads(side.stdout.readline())


# --- One side, in the worktree of its commit -------------------------------------------------------


def _serve(offset: int) -> None:
    """Run the web process of this tree; measure whenever a line says for how long."""
    with _services(offset) as stack:
        from benchmarks.placing import measure_placing
        from benchmarks.world import make_world

        world = make_world()
        print(json.dumps(_statements(world.seller_key)), flush=True)
        with _web(stack.environment) as port:
            for line in sys.stdin:
                done = asyncio.run(measure_placing(world, port=port, seconds=float(line)))
                print(json.dumps([done.per_second, done.p95_ms]), flush=True)


@contextmanager
def _services(offset: int) -> Iterator[Any]:
    from benchmarks.stack import measured_stack

    with measured_stack(port_offset=offset) as stack, stack.log.open("wb") as output:
        command = [sys.executable, "manage.py", "up", "--only-services"]
        with subprocess.Popen(command, env=stack.environment, stdout=output, stderr=output) as services:
            try:
                _wait(lambda: b"retention is done" in stack.log.read_bytes())
                migrate = [sys.executable, "manage.py", "migrate", "--noinput", "--verbosity", "0"]
                subprocess.run(migrate, env=stack.environment, check=True)
                os.environ.clear()
                os.environ.update(stack.environment)
                import django

                django.setup()
                yield stack
            finally:
                services.send_signal(signal.SIGTERM)


def _statements(key: str) -> int:
    """Return how many times one order, placed in this process, asks PostgreSQL."""
    import psycopg
    from django.test import Client

    from benchmarks.terms import HOT

    sent = 0
    real = psycopg.Cursor.execute

    def counted(*args: Any, **options: Any) -> Any:
        nonlocal sent
        sent += 1
        return real(*args, **options)

    client = Client(SERVER_NAME="127.0.0.1", headers={"Authorization": f"Bearer {key}"})
    body = {"items": [HOT]}
    for _warm in range(2):
        sent = 0
        with mock.patch.object(psycopg.Cursor, "execute", counted):
            answer = client.post("/api/v1/orders", json.dumps(body), content_type="application/json")
        assert answer.status_code == 201, answer.content
    return sent


@contextmanager
def _web(environment: dict[str, str]) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    place = ["--bind", f"127.0.0.1:{port}"]
    command = [sys.executable, "manage.py", "run_web", *place]
    if Path("gunicorn.conf.py").exists():
        command = [sys.executable, "-m", "gunicorn", "holo.wsgi:application", "--no-control-socket", *place]
        command += ["--threads", "8"]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, env=environment, stdout=quiet, stderr=quiet) as web:
        try:
            _wait(lambda: _lives(port))
            yield port
        finally:
            web.terminate()


def _lives(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/healthz/live", timeout=2) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


def _wait(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + _START_SECONDS
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError("a server did not start")
        time.sleep(0.05)


if __name__ == "__main__":
    sys.exit(main())
