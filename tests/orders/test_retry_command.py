"""`manage.py retry_order` as an operator types it."""

import pytest
from django.core.management import CommandError, call_command

from holo.audit.models import AuditEvent
from orders import services
from orders.models import Order
from orders.steps import Failure
from tests.stories import PHONE, build_shop

pytestmark = pytest.mark.django_db


def parked_order() -> Order:
    order = build_shop().place(PHONE)
    failure = Failure(step="release_stock", attempts=6, error_code="timeout", message="no answer")
    services.park_order(order_id=order.pk, failures=[failure])
    return order


@pytest.mark.parametrize("by_number", [True, False])
def test_parked_order_is_retried_and_audited(by_number: bool, capsys: pytest.CaptureFixture[str]) -> None:
    order = parked_order()
    whose = ["--organization", order.organization.slug]
    call_command("retry_order", *([order.number, *whose] if by_number else ["--all"]))
    assert capsys.readouterr().out == f"{order.number}: retry requested\n"
    assert order.parked_steps.get().retry_requested_at is not None
    assert AuditEvent.objects.get(action="orders.retry_requested").actor_label == "manage.py retry_order"


def test_order_without_parked_steps_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    order = build_shop().place(PHONE)
    with pytest.raises(CommandError, match=f"not retried: {order.number}") as refusal:
        call_command("retry_order", order.number, "--organization", order.organization.slug)
    assert refusal.value.returncode == 1
    assert "orders.nothing_to_retry" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name orders"),
        (["SO-1", "--all"], "name orders"),
        (["SO-1"], "pass --organization"),
        (["SO-1", "--organization", "nobody"], "no such organisation: nobody"),
    ],
)
def test_wrong_arguments_are_told_in_one_line(arguments: list[str], message: str) -> None:
    with pytest.raises(CommandError, match=message) as refusal:
        call_command("retry_order", *arguments)
    assert refusal.value.returncode == 2


def test_orders_of_one_number_are_told_apart_by_their_organisation(
    capsys: pytest.CaptureFixture[str],
) -> None:
    order, other = parked_order(), build_shop().place(PHONE)
    assert (order.number, order.organization_id != other.organization_id) == (other.number, True)
    with pytest.raises(CommandError, match="not retried"):
        call_command("retry_order", order.number, "--organization", other.organization.slug)
    assert order.parked_steps.get().retry_requested_at is None
    call_command("retry_order", order.number, "--organization", order.organization.slug)
    assert order.parked_steps.get().retry_requested_at is not None
