"""Figures of repeated proofs: a seeded twentieth by default, in full with PROVE=1, and the record of a run.

`make prove` runs all of them in full and writes the record, which is committed. PROVE_SEED repeats a run.
"""

import json
import os
import platform
import random
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import pytest

T = TypeVar("T")

FULL = os.environ.get("PROVE") == "1"
SEED = int(os.environ.get("PROVE_SEED") or random.SystemRandom().randrange(1_000_000))
# The workers of `pytest -n` choose the same cases.
os.environ["PROVE_SEED"] = str(SEED)
_SHARE = 20
_ROOT = Path(__file__).resolve().parent.parent


def rounds(full: int) -> int:
    """Return how often to repeat what the full proof repeats `full` times."""
    return full if FULL else max(1, full // _SHARE)


def sample(cases: Sequence[T], *, at_least: int = 1, name: str = "") -> list[T]:
    """Return all cases in the full proof, else a seeded twentieth of them, in their order.

    Of equally many cases under another `name` it chooses others.
    """
    if FULL:
        return list(cases)
    count = min(len(cases), max(at_least, len(cases) // _SHARE))
    chosen = sorted(dice(f"sample{name}").sample(range(len(cases)), count))
    return [cases[index] for index in chosen]


def dice(name: str) -> random.Random:
    """Return a source of chance that depends on the run's seed and `name` alone."""
    return random.Random(f"{SEED}:{name}")


@dataclass(slots=True)
class Proof:
    """What one test proved: its figures, for the record."""

    figures: dict[str, object] = field(default_factory=dict)
    outcome: str = "not run"
    seconds: float = 0.0

    def note(self, **figures: object) -> None:
        """Add figures: counts, durations in seconds, lists of case names."""
        self.figures.update(figures)


# By test; one run of pytest is one record, whatever number of processes ran the tests.
_proofs: dict[str, Proof] = {}
_FIGURES = "figures of the proof"


def write_record(path: Path) -> None:
    """Write what was proved as JSON."""
    document = {
        "commit": _git("rev-parse", "HEAD"),
        "clean": not _git("status", "--porcelain", "--untracked-files=no"),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "seed": SEED,
        "full": FULL,
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
        "seconds": round(sum(proof.seconds for proof in _proofs.values()), 1),
        "proofs": {name: asdict(proof) for name, proof in sorted(gathered(_proofs).items())},
    }
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def gathered(proofs: Mapping[str, Proof]) -> dict[str, Proof]:
    """Return the cases of one test that passed and noted nothing as one proof of so many cases."""
    found: dict[str, Proof] = {}
    for name, proof in proofs.items():
        if proof.figures or proof.outcome != "passed" or "[" not in name:
            found[name] = proof
            continue
        whole = found.setdefault(name.partition("[")[0], Proof({"cases": 0}, "passed"))
        whole.figures["cases"] = int(str(whole.figures["cases"])) + 1
        whole.seconds = round(whole.seconds + proof.seconds, 2)
    return found


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=_ROOT, text=True, capture_output=True, check=False)
    return done.stdout.strip()


# --- The plugin ----------------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare where the record goes."""
    parser.addoption("--proof-json", type=Path, help="write the record of the proofs to this file")


def pytest_report_header() -> str:
    """Tell the seed, so that a failure can be repeated."""
    return f"proofs: {'in full' if FULL else 'a twentieth of the figures'}, PROVE_SEED={SEED}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is proved in full only, as in `@pytest.mark.prove(only_in_full=True)`."""
    if FULL:
        return
    left_out = [item for item in items if _only_in_full(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not _only_in_full(item)]


def _only_in_full(item: pytest.Item) -> bool:
    marker = item.get_closest_marker("prove")
    return marker is not None and bool(marker.kwargs.get("only_in_full"))


@pytest.fixture
def proof(request: pytest.FixtureRequest) -> Iterator[Proof]:
    """What the test proves; figures noted here are in the record."""
    proof = Proof()
    yield proof
    # Properties travel with the report to the process that writes the record, if they are text.
    request.node.user_properties.append((_FIGURES, json.dumps(proof.figures)))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Write down how a proof went."""
    if "prove" not in report.keywords:
        return
    entry = _proofs.setdefault(report.nodeid, Proof())
    entry.seconds = round(entry.seconds + report.duration, 2)
    if report.when == "call" or report.outcome != "passed":
        entry.outcome = report.outcome
    for name, figures in report.user_properties:
        if name == _FIGURES:
            entry.note(**json.loads(str(figures)))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the record where it was asked for."""
    path = session.config.getoption("--proof-json")
    if path is not None and not hasattr(session.config, "workerinput"):
        write_record(path)
