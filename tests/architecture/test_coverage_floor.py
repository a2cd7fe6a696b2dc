"""The floor under each service's coverage: every service is named, and one below it is seen."""

from pathlib import Path

import pytest
from django.conf import settings

from tests.coverage_floor import services, under

pytestmark = pytest.mark.pure


def test_every_named_service_is_a_folder_with_code() -> None:
    found = services()
    assert len(found) > 13
    assert [name for name in found if not list((Path(settings.BASE_DIR) / name).glob("*.py"))] == []


def test_service_below_the_floor_is_named() -> None:
    assert under({"inventory": 84.99, "orders": 85.0, "ledger": 0.0}) == ["inventory", "ledger"]
    assert under({"inventory": 99.9}, floor=100.0) == ["inventory"]
