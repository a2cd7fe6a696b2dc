"""What slow clients do to other clients: the web server before and now.

    git worktree add /tmp/before COMMIT
    .venv/bin/python -m benchmarks.attacks /tmp/before

COMMIT has the same migrations. It starts PostgreSQL and Valkey, then for each attack the earlier web process
and the present one, one after the other and each fresh. The attackers are a process of their own. Beside them
one client places an order and asks for `/healthz/live`, in turns and on new connections. A request that takes
longer than ten seconds, or gets no answer, counts as ten. Everything is on the loopback. Times in
milliseconds, memory in MiB (the most that was resident).
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.stack import ROOT, BenchmarkError, MeasuredStack, descendants, measured_stack

_GIVEN_UP = 10.0
_START_SECONDS = 120.0
_ATTACKS = (
    *((kind, count) for kind in ("headers", "bodies") for count in (8, 200, 1000)),
    *((kind, count) for kind in ("large", "readers") for count in (8, 200)),
)


def main() -> int:
    """Measure and print one JSON object for each line of the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.attacks", description=__doc__)
    parser.add_argument("before", type=Path, help="a worktree of an earlier commit")
    parser.add_argument("--seconds", type=float, default=6.0, help="of each measurement")
    parser.add_argument("--port-offset", type=int, default=9500, help="move all ports by this")
    options = parser.parse_args()
    try:
        with measured_stack(port_offset=options.port_offset) as stack, _services(stack) as world:
            _attacks(Servers(stack, options.before), world.seller_key, options.seconds)
    except BenchmarkError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


@contextmanager
def _services(stack: MeasuredStack) -> Iterator[Any]:
    """Run the servers without the product until the block ends; give what is sold."""
    command = [sys.executable, "manage.py", "up", "--only-services"]
    with (
        stack.log.open("wb") as output,
        subprocess.Popen(command, cwd=ROOT, env=stack.environment, stdout=output, stderr=output) as services,
    ):
        try:
            _wait(lambda: b"retention is done" in stack.log.read_bytes(), services)
            migrate = [sys.executable, "manage.py", "migrate", "--noinput", "--verbosity", "0"]
            subprocess.run(migrate, cwd=ROOT, env=stack.environment, check=True)
            os.environ.clear()
            os.environ.update(stack.environment)
            import django

            django.setup()
            from benchmarks.world import make_world

            yield make_world()
        finally:
            services.send_signal(signal.SIGTERM)


class Servers:
    """Starts the web process of either commit."""

    def __init__(self, stack: MeasuredStack, before: Path) -> None:
        self._environment = stack.environment
        self._folders = {"before": before, "after": ROOT}

    @contextmanager
    def running(self, which: str) -> Iterator[tuple[int, int]]:
        """Run the web process until the block ends; give its port and its process id."""
        folder = self._folders[which]
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        old = (folder / "gunicorn.conf.py").exists()
        command = [sys.executable, "manage.py", "run_web", "--bind", f"127.0.0.1:{port}"]
        if old:
            command = [sys.executable, "-m", "gunicorn", "holo.wsgi:application", "--no-control-socket"]
            command += ["--bind", f"127.0.0.1:{port}", "--threads", "8"]
        with subprocess.Popen(command, cwd=folder, env=self._environment, stderr=subprocess.DEVNULL) as web:
            try:
                _wait(lambda: _live(port) == 200, web)
                yield port, web.pid
            finally:
                web.terminate()
                with suppress(subprocess.TimeoutExpired):
                    web.wait(40)
                web.kill()


def _wait(condition: Callable[[], bool], process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + _START_SECONDS
    while not condition():
        if process.poll() is not None or time.monotonic() > until:
            raise BenchmarkError(f"{process.args!r} did not start")
        time.sleep(0.05)


def _attacks(servers: Servers, key: str, seconds: float) -> None:
    for kind, count in (("none", 0), *_ATTACKS):
        for which in ("before", "after"):
            with servers.running(which) as (port, pid):
                _place(port, key)
                with _attacked(kind, count, port):
                    row = {"attack": kind, "connections": count, "server": which}
                    print(json.dumps(row | _beside(port, key, seconds) | {"mib": _memory(pid)}), flush=True)


@contextmanager
def _attacked(kind: str, count: int, port: int) -> Iterator[None]:
    if not count:
        yield
        return
    command = [sys.executable, "-m", "tests.web.slow_clients", kind, str(count), str(port)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL) as attack:
        try:
            # Until they are all connected.
            time.sleep(2)
            yield
        finally:
            attack.kill()


def _beside(port: int, key: str, seconds: float) -> dict[str, object]:
    """Return how long requests took meanwhile."""
    taken: dict[str, list[float]] = {"live": [], "place": []}
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for name in taken:
            begun = time.monotonic()
            status = _live(port) if name == "live" else _place(port, key)
            taken[name].append(time.monotonic() - begun if status in (200, 201) else _GIVEN_UP)
    found: dict[str, object] = {}
    for name, times in taken.items():
        ordered = sorted(times)
        found[f"{name}_requests"] = len(ordered)
        for label, value in (
            ("p50", median(ordered)),
            ("p95", ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]),
            ("max", ordered[-1]),
        ):
            found[f"{name}_{label}_ms"] = round(value * 1000, 1)
    return found


def _live(port: int) -> int:
    return _ask(port, b"GET /healthz/live HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")


def _place(port: int, key: str) -> int:
    body = b'{"items": ["HOT"]}'
    head = f"POST /api/v1/orders HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return _ask(port, head.encode() + body)


def _ask(port: int, request: bytes) -> int:
    """Send a request on a new connection; return its status, 0 where there is none in time."""
    try:
        with socket.create_connection(("127.0.0.1", port), _GIVEN_UP) as line:
            line.sendall(request)
            answer = b""
            while piece := line.recv(65_536):
                answer += piece
    except OSError:
        return 0
    return int(answer[9:12]) if answer else 0


def _memory(pid: int) -> float:
    """Return the most that a process and those below it had resident."""
    total = 0
    for one in descendants(pid):
        with suppress(OSError):
            fields = Path(f"/proc/{one}/status").read_text().partition("VmHWM:")[2].split()
            total += int(fields[0])
    return round(total / 1024, 1)


if __name__ == "__main__":
    sys.exit(main())
