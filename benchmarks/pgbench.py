"""Runs pgbench, PostgreSQL's own load driver, on the statements that the product sends."""

import re
import subprocess
import tempfile
from pathlib import Path

from benchmarks.stack import BenchmarkError
from holo.stack.postgres_binaries import find_binaries

_TPS = re.compile(r"tps = ([0-9.]+) \(without initial")
_FAILED = re.compile(r"failed transactions: [1-9]")


def transactions_per_second(*, url: str, script: str, clients: int, seconds: float) -> float:
    """Return how many times a second `clients` connections ran `script`, on text queries as Django sends."""
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(script)
        file.flush()
        command = [str(program()), "--no-vacuum", "--protocol=simple", f"--client={clients}"]
        command += [
            f"--jobs={min(clients, 2)}",
            f"--time={max(1, round(seconds))}",
            f"--file={file.name}",
            url,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds + 60)
    match = _TPS.search(done.stdout)
    if done.returncode != 0 or match is None or _FAILED.search(done.stdout):
        raise BenchmarkError(f"pgbench: {(done.stderr.strip().splitlines() or ['no figure'])[-1]}")
    return float(match[1])


def program() -> Path:
    """Return the program: of the installation that serves, else of the distribution."""
    places = [find_binaries().program("pgbench"), *Path("/usr/lib/postgresql").glob("*/bin/pgbench")]
    for place in places:
        if place.exists():
            return place
    raise BenchmarkError("no pgbench here (apt-get install postgresql-contrib)")
