"""Several tabs whose session has ended: what was typed in each comes back."""

import pytest
from django.urls import reverse

from tests.forms import filled
from tests.staff.test_kept_forms import Browser, auditor, lose_row, root, shop
from tests.stories import Shop

__all__ = ["auditor", "root", "shop"]
pytestmark = pytest.mark.usefixtures("fresh_database")


def test_forms_of_several_tabs_come_back_each_on_its_page(root: Browser, shop: Shop) -> None:
    """Each was promised to come back; the last one alone did."""
    lose_row(root)
    pages = {name: reverse(f"admin:inventory_{name}_add") for name in ("product", "warehouse")}
    sent = {name: root.post(page, {"name": f"Typed {name}"}) for name, page in pages.items()}
    assert root.log_in(sent["warehouse"]["Location"]) == pages["warehouse"]
    for name, page in pages.items():
        assert filled(root.get(page))["name"] == [f"Typed {name}"]
        assert filled(root.get(page)).get("name", [""]) == [""], "once"


def test_of_many_forms_the_last_three_are_kept(auditor: Browser) -> None:
    lose_row(auditor)
    for number in range(5):
        auditor.post(f"{reverse('admin:inventory_product_add')}?tab={number}", {"name": f"Typed {number}"})
    held = str(dict(auditor.session))
    assert [number for number in range(5) if f"Typed+{number}" in held] == [2, 3, 4]
