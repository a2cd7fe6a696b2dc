"""`manage.py seed_demo` and the refusals of `manage.py demo`."""

from functools import partial
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.forms.models import model_to_dict
from pytest_django.fixtures import Settings

from holo.audit.models import AuditEvent
from holo.common.money import Money
from holo.identity.demo import DEMO_EMAILS, DEMO_PASSWORD
from holo.identity.models import Environment, Membership, Organization, Project, User
from holo.identity.selectors import is_auditor
from inventory.models import Product, StockLevel, StockMovement, Warehouse
from orders.demo import seed
from orders.demo.order_run import Scenario
from orders.demo.scenarios import SCENARIOS, WAITING
from orders.demo.seed import seed_demo
from tests.racing import race

pytestmark = pytest.mark.usefixtures("fresh_database")
SEEDED = (
    *(Organization, User, Membership, Project, Environment, Warehouse, Product),
    *(StockLevel, StockMovement, AuditEvent),
)


def everything() -> dict[str, list[dict[str, Any]]]:
    """Return every seeded row."""
    return {
        model.__name__: [model_to_dict(row) for row in model._default_manager.order_by("pk")]
        for model in SEEDED
    }


def on_hand(sku: str) -> dict[str, int]:
    """Return the pieces of a product by warehouse."""
    levels = StockLevel.objects.filter(product__sku=sku).values_list("warehouse__code", "on_hand")
    return dict(levels)


def test_second_run_changes_nothing_and_says_so() -> None:
    first, second = StringIO(), StringIO()
    call_command("seed_demo", stdout=first)
    before = everything()
    call_command("seed_demo", stdout=second)
    assert everything() == before
    assert "made 4 people, 2 warehouses" in first.getvalue()
    assert DEMO_PASSWORD in first.getvalue()
    assert second.getvalue() == "demo data: all there, nothing changed\n"


def test_stock_that_was_sold_is_not_filled_up_again() -> None:
    seed_demo()
    StockLevel.objects.filter(product__sku="iPhone15").update(on_hand=0)
    assert seed_demo().is_empty
    assert set(on_hand("iPhone15").values()) == {0}


@pytest.mark.parametrize("cut_off", ["people", "stock"])
def test_two_runs_at_once_make_everything_once(monkeypatch: pytest.MonkeyPatch, cut_off: str) -> None:
    """Each looks for what is missing before it makes it, so they run one after the other."""
    with monkeypatch.context() as patched:
        patched.setattr(seed._Seeder, cut_off, _not_reached)
        with pytest.raises(RuntimeError):
            seed_demo()
    texts = [StringIO() for _ in range(3)]
    ran = race([partial(call_command, "seed_demo", stdout=text) for text in texts])
    assert ran == [None] * len(texts)
    assert sum("nothing changed" in text.getvalue() for text in texts) == len(texts) - 1
    assert sum(on_hand("iPhone15").values()) == 8000


def _not_reached(_seeder: object) -> None:
    raise RuntimeError("cut off")


def test_run_that_was_cut_off_is_completed_by_the_next() -> None:
    seed_demo()
    operator = User.objects.get(email="operator@example.com")
    operator.groups.clear()
    Membership.objects.filter(user=operator).delete()
    seeded = seed_demo()
    assert seeded.grants == 2
    assert operator.groups.get().name == "operator"


def test_people_have_the_rights_that_the_scenarios_need() -> None:
    seed_demo()
    people = {user.email: user for user in User.objects.all()}
    assert set(people) == set(DEMO_EMAILS)
    assert all(user.is_staff and user.check_password(DEMO_PASSWORD) for user in people.values())
    assert [email for email, user in people.items() if is_auditor(user.pk)] == ["approver@example.com"]
    assert [email for email, user in people.items() if user.is_superuser] == ["admin@example.com"]
    assert Membership.objects.filter(organization__slug="demo").count() == len(people)


def test_changed_password_is_kept() -> None:
    seed_demo()
    approver = User.objects.get(email="approver@example.com")
    approver.set_password("something-better-than-that")
    approver.save()
    seed_demo()
    approver.refresh_from_db()
    assert approver.check_password("something-better-than-that")


def test_catalogue_serves_every_scenario_many_times() -> None:
    seed_demo()
    prices = {product.sku: product.price for product in Product.objects.all()}
    assert prices["iPhone15"] == Money(minor=500_00, currency="CNY")
    assert prices["MacPro"] == Money(minor=20_000_00, currency="CNY")
    scenarios: tuple[Scenario, ...] = (*SCENARIOS, WAITING)
    for sku in {sku for scenario in scenarios for sku in scenario.items}:
        assert sum(on_hand(sku).values()) >= 1000
    assert set(on_hand("AirPodsPro")) == {"SHA"}
    assert set(on_hand("AppleWatch")) == {"CAN"}


def test_every_delivery_has_a_movement_and_an_audit_event() -> None:
    seed_demo()
    shelves = StockLevel.objects.count()
    assert StockMovement.objects.filter(kind="receipt", actor_label="seed_demo").count() == shelves
    assert AuditEvent.objects.filter(action="inventory.stock_received").count() == shelves


@pytest.mark.parametrize("name", ["seed_demo", "demo"])
def test_without_demo_mode_is_refused_and_changes_nothing(settings: Settings, name: str) -> None:
    settings.DEMO = False
    with pytest.raises(CommandError, match="refused without DEMO=1") as caught:
        call_command(name, stdout=StringIO())
    assert caught.value.returncode == 2
    assert not Organization.objects.exists()
    assert not User.objects.exists()


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "ftp://127.0.0.1", "http://"])
def test_demo_with_something_else_than_an_address_is_refused(url: str) -> None:
    with pytest.raises(CommandError, match="--url") as caught:
        call_command("demo", url=url, stdout=StringIO())
    assert caught.value.returncode == 2


def test_demo_without_its_data_names_the_command_that_makes_it() -> None:
    with pytest.raises(CommandError, match=r"run `manage\.py seed_demo` first") as caught:
        call_command("demo", stdout=StringIO())
    assert caught.value.returncode == 2
