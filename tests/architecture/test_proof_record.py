"""The committed record of the proofs is that of a full run, and no older than the last release."""

import json
import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from tests.proof import Proof, gathered

pytestmark = pytest.mark.pure

ROOT = Path(settings.BASE_DIR)
# As in Keep a Changelog; what is not released has no date.
_RELEASE = re.compile(r"^## \[\d[^\]]*\] - (\d{4}-\d{2}-\d{2})$", re.MULTILINE)


def last_release(changelog: str) -> date:
    """Return the day of the newest release; the first day there is where nothing was released."""
    return max((date.fromisoformat(day) for day in _RELEASE.findall(changelog)), default=date.min)


def faults_of(record: dict[str, Any], *, released: date) -> list[str]:
    """Return why the record proves nothing about the release."""
    found = []
    if not record["proofs"]:
        found.append("no proof is in it")
    if not record["full"]:
        found.append("the figures are not in full")
    if not record["clean"]:
        found.append("the checkout had changes that are in no commit")
    if datetime.fromisoformat(record["date"]).astimezone(UTC).date() < released:
        found.append(f"it is older than the release of {released}")
    return found + [
        f"{name} {proof['outcome']}"
        for name, proof in record["proofs"].items()
        if proof["outcome"] != "passed"
    ]


def test_record_is_of_a_full_run_and_no_older_than_the_last_release() -> None:
    record = json.loads((ROOT / "docs" / "proof.json").read_text(encoding="utf-8"))
    released = last_release((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    assert faults_of(record, released=released) == [], "run `make prove` on a clean checkout and commit it"


def test_record_that_proves_nothing_is_refused() -> None:
    passed = {"outcome": "passed", "figures": {}, "seconds": 1.0}
    good = {"full": True, "clean": True, "date": "2026-11-28T12:00:00+00:00", "proofs": {"a": passed}}
    day = date(2026, 11, 28)
    assert faults_of(good, released=day) == []
    for change, says in (
        ({"proofs": {}}, "no proof is in it"),
        ({"full": False}, "the figures are not in full"),
        ({"clean": False}, "the checkout had changes that are in no commit"),
        ({"date": "2026-11-27T23:00:00+00:00"}, "it is older than the release of 2026-11-28"),
        ({"proofs": {"a": {**passed, "outcome": "failed"}}}, "a failed"),
    ):
        assert faults_of({**good, **change}, released=day) == [says]


def test_cases_without_figures_are_one_proof_and_a_failure_has_its_own() -> None:
    cases = {f"a.py::test_a[{number}]": Proof(outcome="passed", seconds=0.5) for number in range(3)}
    others = {
        "a.py::test_a[3]": Proof(outcome="failed", seconds=1.0),
        "a.py::test_a[4]": Proof({"orders": 2}, "passed", 1.0),
        "a.py::test_b": Proof(outcome="passed", seconds=1.0),
    }
    assert gathered({**cases, **others}) == {
        "a.py::test_a": Proof({"cases": 3}, "passed", 1.5),
        **others,
    }


def test_last_release_is_the_newest_with_a_day() -> None:
    assert last_release(
        "## [Unreleased] 0.2.0\n\n## [0.1.1] - 2026-12-01\n\n## [0.1.0] - 2026-11-28\n"
    ) == date(2026, 12, 1)
    assert last_release("## [Unreleased] 0.1.0\n") == date.min
