"""The result of a run: progress lines, a table, and a JSON file named after the day and the commit."""

import json
import os
import platform
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.stack import ROOT

RESULTS = Path(__file__).resolve().parent / "results"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured figure; `floor` and `aim` are what it should reach, `better` which way is up."""

    name: str
    value: float
    unit: str
    floor: float | None = None
    aim: float | None = None
    better: str = "more"
    note: str = ""

    @property
    def verdict(self) -> str:
        """Tell whether the figure reaches its aim, or only its floor, or neither."""
        if self.floor is None:
            return ""
        if self.aim is not None and self._reaches(self.aim):
            return "aim"
        return "floor" if self._reaches(self.floor) else "below"

    def _reaches(self, mark: float) -> bool:
        return self.value >= mark if self.better == "more" else self.value <= mark


@dataclass(slots=True)
class Report:
    """Collects figures and says each at once."""

    quick: bool
    started: float = field(default_factory=time.monotonic)
    figures: list[Figure] = field(default_factory=list)
    details: dict[str, list[Any]] = field(default_factory=dict)

    def say(self, text: str) -> None:
        """Show where the run is."""
        print(f"[{time.monotonic() - self.started:5.0f} s] {text}", file=sys.stderr, flush=True)

    def add(self, figure: Figure) -> None:
        """Keep one figure."""
        self.figures.append(figure)
        self.say(f"{figure.name}: {figure.value:,.2f} {figure.unit} {figure.verdict}")

    def detail(self, name: str, row: Any) -> None:
        """Keep the row behind some figures."""
        self.details.setdefault(name, []).append(row if isinstance(row, dict) else asdict(row))

    def show(self) -> None:
        """Print the table."""
        table = Table(title=f"{_commit()} · {_machine()['cpus']} CPUs")
        for heading in ("figure", "value", "unit", "floor", "aim", "reached", "note"):
            table.add_column(heading, justify="right" if heading in ("value", "floor", "aim") else "left")
        for one in self.figures:
            marks = ["" if mark is None else f"{mark:,g}" for mark in (one.floor, one.aim)]
            table.add_row(one.name, f"{one.value:,.2f}", one.unit, *marks, one.verdict, one.note)
        Console(width=None if sys.stdout.isatty() else 150).print(table)

    def write(self) -> Path:
        """Write the JSON file and return its path."""
        now = datetime.now(UTC)
        body = {
            "commit": _commit(),
            "at": now.isoformat(timespec="seconds"),
            "quick": self.quick,
            "seconds": round(time.monotonic() - self.started),
            "machine": _machine(),
            "figures": [{**asdict(one), "reached": one.verdict} for one in self.figures],
            "details": self.details,
        }
        RESULTS.mkdir(exist_ok=True)
        path = RESULTS / f"{now.date().isoformat()}-{_commit()}{'-quick' if self.quick else ''}.json"
        path.write_text(json.dumps(body, indent=1, default=lambda value: round(value, 3)) + "\n")
        return path


def _commit() -> str:
    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
        return done.stdout.strip()

    changed = "+" if git("status", "--porcelain", "--untracked-files=no") else ""
    return (git("rev-parse", "--short", "HEAD") or "unknown") + changed


def _machine() -> dict[str, Any]:
    return {
        "cpus": len(os.sched_getaffinity(0)),
        "load": [round(load, 2) for load in os.getloadavg()],
        "python": platform.python_version(),
        "system": platform.platform(),
    }
