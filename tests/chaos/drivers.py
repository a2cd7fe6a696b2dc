"""Several drivers side by side, each with a database and a Temporal namespace of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from django.conf import settings

from holo.stack.postgres import PostgresServer
from tests.chaos.steps import Interruption
from tests.conftest import TEMPLATE
from tests.live import register_namespace

# Most of a case is waiting for Temporal to give a dead worker's step to another one.
SIDE_BY_SIDE = 4
_LONGEST_CASE = 180


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of one case."""

    branch: str
    activity: str
    point: str
    problems: list[str]
    seconds: float


def run_cases(cases: Sequence[Interruption], *, postgres: PostgresServer, folder: Path) -> list[Result]:
    """Play all cases; each driver takes every n-th of them."""
    count = min(SIDE_BY_SIDE, len(cases))
    shares = [cases[number::count] for number in range(count)]
    results: list[Result] = []
    with ExitStack() as stack:
        running = [
            (folder / f"results-{number}", stack.enter_context(_driver(number, share, postgres, folder)))
            for number, share in enumerate(shares)
        ]
        for path, process in running:
            code = process.wait(_LONGEST_CASE * len(shares[0]))
            assert code == 0, f"a driver ended with {code}, see {path.with_suffix('.log')}"
            lines = path.read_text(encoding="utf-8").splitlines()
            results += [Result(**json.loads(line)) for line in lines]
    return results


@contextmanager
def _driver(
    number: int, share: Sequence[Interruption], postgres: PostgresServer, folder: Path
) -> Iterator["subprocess.Popen[bytes]"]:
    database = namespace = f"chaos-{os.getpid()}-{number}"
    postgres.create_database(database, template=TEMPLATE)
    register_namespace(namespace)
    cases = folder / f"cases-{number}"
    cases.write_text(json.dumps([asdict(case) for case in share]), encoding="utf-8")
    own = {"DATABASE_URL": postgres.app_url(database), "TEMPORAL_NAMESPACE": namespace}
    results = folder / f"results-{number}"
    with results.with_suffix(".log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.driver", str(cases), str(results)],
            cwd=settings.BASE_DIR,
            env={**os.environ, **own},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            postgres.drop_database(database)
