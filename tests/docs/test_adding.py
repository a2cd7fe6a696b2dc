"""The documents about adding something, followed literally."""

import re
from pathlib import Path

from tests.docs.documents import ROOT
from tests.docs.following import copy_of_checkout, follow


def test_service_added_as_documented_works(tmp_path: Path) -> None:
    place = copy_of_checkout(tmp_path / "holo")
    *_, tested = follow(ROOT / "docs" / "add-a-service.md", place)
    passed = re.findall(r"^PASSED tests/(\w+)", tested, re.MULTILINE)
    own = passed.count("contacts") + passed.count("notices")
    assert own == 3
    assert {"permissions", "bad_inputs"} <= set(passed)
