"""Nobody defines a person, a tenant or an environment a second time."""

import pytest
from django.core.checks import run_checks
from django.db import models
from django.test.utils import isolate_apps

from holo.identity.checks import second_models

pytestmark = pytest.mark.pure


def test_the_product_defines_each_once() -> None:
    assert [message for message in run_checks() if message.id == "identity.E001"] == []


@isolate_apps("inventory")
@pytest.mark.parametrize(
    ("name", "first"),
    [("Tenant", "Organization"), ("Person", "User"), ("Workspace", "Project"), ("Member", "Membership")],
)
def test_a_second_model_is_refused_with_what_to_do(name: str, first: str) -> None:
    meta = type("Meta", (), {"app_label": "inventory"})
    second = type(name, (models.Model,), {"__module__": "inventory.models", "Meta": meta})
    (message,) = second_models([second])
    assert (message.id, first in message.msg, first in str(message.hint)) == ("identity.E001", True, True)


@isolate_apps("inventory")
def test_other_names_are_no_trouble() -> None:
    meta = type("Meta", (), {"app_label": "inventory"})
    other = type("Shelf", (models.Model,), {"__module__": "inventory.models", "Meta": meta})
    assert second_models([other]) == []
