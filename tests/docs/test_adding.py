"""The documents about adding something, followed literally."""

from pathlib import Path

from tests.docs.documents import ROOT
from tests.docs.following import copy_of_checkout, follow


def test_service_added_as_documented_works(tmp_path: Path) -> None:
    place = copy_of_checkout(tmp_path / "holo")
    *_, own, shared, rows = follow(ROOT / "docs" / "add-a-service.md", place)
    assert "3 passed" in own
    assert "passed" in shared
    assert "passed" in rows
