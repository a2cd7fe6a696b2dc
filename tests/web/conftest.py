"""A web process for the tests of the server, with a key of somebody who may place orders."""

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import Group

from tests.api.people import build_key
from tests.stories import build_shop
from tests.web_process import WebProcess, web_process


@pytest.fixture(scope="module")
def key(module_database: str) -> str:
    """A key of an operator whose shop has phones enough."""
    shop = build_shop(stock=1000)
    shop.seller.groups.add(Group.objects.get(name="operator"))
    return build_key(owner=shop.seller, organization=shop.organization, scopes=["orders:write"])


@pytest.fixture(scope="module")
def web(key: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebProcess]:
    """A web process with the limits that it has by default."""
    with web_process(tmp_path_factory.mktemp("web") / "web.log", key=key) as running:
        yield running
