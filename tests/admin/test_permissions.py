"""Who gets which admin page, by group; what nobody may write."""

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from holo.approvals.models import ApprovalDecision, ApprovalRequest
from holo.audit.models import AuditEvent
from holo.identity.models import User
from orders.groups import ensure_groups
from orders.models import Order, OrderEvent, ParkedStep, Payment, Shipment
from tests.admin.conftest import ClientOf, request_of
from tests.stories import Shop, build_shop

READ_ONLY: list[type[Model]] = [
    Order,
    OrderEvent,
    Payment,
    Shipment,
    ParkedStep,
    ApprovalRequest,
    ApprovalDecision,
]
# Kind of person: may look at orders and approvals, cancel, retry, decide.
RIGHTS = {
    "viewer": (True, False, False, False),
    "operator": (True, True, True, False),
    "auditor": (True, False, False, True),
    "superuser": (True, True, True, False),
    "nobody": (False, False, False, False),
}


def _page(model: type[Model], page: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def _status(client: Client, url: str) -> int:
    return client.get(url).status_code


@pytest.mark.parametrize("kind", RIGHTS)
def test_each_page_answers_by_the_rights_of_the_group(
    kind: str, people: dict[str, User], client_of: ClientOf, waiting: Order, parked: Order
) -> None:
    looks, cancels, retries, decides = RIGHTS[kind]
    client = client_of(people[kind])
    for model in READ_ONLY:
        assert _status(client, _page(model, "changelist")) == (200 if looks else 403), model
    request = request_of(waiting)
    expected = {
        _page(Order, "change", waiting.pk): looks,
        _page(ApprovalRequest, "change", request.pk): looks,
        _page(Order, "cancel", waiting.pk): cancels,
        _page(Order, "retry", parked.pk): retries,
        _page(ApprovalRequest, "approve", request.pk): decides,
        _page(ApprovalRequest, "reject", request.pk): decides,
    }
    for url, allowed in expected.items():
        assert _status(client, url) == (200 if allowed else 403), url
    assert _status(client, reverse("admin:index")) == 200


@pytest.mark.parametrize("kind", RIGHTS)
def test_each_command_runs_by_the_rights_of_the_group(
    kind: str, people: dict[str, User], client_of: ClientOf, waiting: Order, parked: Order
) -> None:
    _looks, cancels, retries, decides = RIGHTS[kind]
    client = client_of(people[kind])
    request = request_of(waiting)
    item = {"item": f"{request.pk}:{request.subject_digest}", "reason": "reviewed with the customer"}
    posts = [
        (_page(ApprovalRequest, "approve_run"), item, decides),
        (_page(Order, "retry_run"), {"item": f"{parked.pk}:"}, retries),
        (_page(Order, "cancel_run"), {"item": f"{waiting.pk}:"}, cancels),
    ]
    for url, data, allowed in posts:
        assert client.post(url, data).status_code == (302 if allowed else 403), url
    request.refresh_from_db()
    parked_step = ParkedStep.objects.get()
    assert request.state == ("approved" if decides else "withdrawn" if cancels else "open")
    assert (parked_step.retry_requested_at is not None) == retries
    assert hasattr(Order.objects.get(pk=waiting.pk), "abort") == cancels


@pytest.mark.parametrize("model", READ_ONLY)
def test_a_gated_row_cannot_be_added_changed_or_deleted_by_a_superuser(
    model: type[Model], people: dict[str, User], client_of: ClientOf, waiting: Order, parked: Order
) -> None:
    client = client_of(people["superuser"])
    row = model._default_manager.first()
    key = row.pk if row is not None else "1"
    before = model._default_manager.count()
    audited = AuditEvent.objects.count()
    for page, args in (("add", ()), ("change", (key,)), ("delete", (key,))):
        assert client.post(_page(model, page, *args), {"status": "completed"}).status_code == 403, page
    assert model._default_manager.count() == before
    refusals = AuditEvent.objects.filter(action__endswith="_refused")
    assert AuditEvent.objects.count() - audited == refusals.count() == 3
    assert _status(client, _page(model, "add")) == 403


def test_no_product_model_of_orders_or_approvals_has_a_writable_admin() -> None:
    gated = [model for model in admin.site._registry if model._meta.app_label in ("orders", "approvals")]
    assert set(gated) == set(READ_ONLY)


def test_rows_of_another_organisation_are_not_found(
    people: dict[str, User], client_of: ClientOf, waiting: Order
) -> None:
    stranger = build_shop().auditor
    client = client_of(stranger)
    request = request_of(waiting)
    for url in (
        _page(Order, "change", waiting.pk),
        _page(ApprovalRequest, "change", request.pk),
        _page(ApprovalRequest, "approve", request.pk),
    ):
        assert _status(client, url) == 404, url
    for model in READ_ONLY:
        page = client.get(_page(model, "changelist"))
        assert waiting.number not in page.content.decode(), model
        assert page.context["cl"].result_count == 0, model


def test_people_without_the_admin_are_sent_to_the_login(
    people: dict[str, User], client_of: ClientOf, waiting: Order
) -> None:
    for client in (Client(), client_of(people["customer"])):
        answer = client.get(_page(Order, "cancel", waiting.pk))
        assert answer.status_code == 302
        assert answer["Location"].startswith(reverse("admin:login"))


def test_migrating_again_restores_a_groups_rights_and_keeps_what_was_added(shop: Shop) -> None:
    viewer = Group.objects.get(name="viewer")
    before = set(viewer.permissions.values_list("codename", flat=True))
    viewer.permissions.remove(*viewer.permissions.filter(codename="view_order"))
    Group.objects.get(name="operator").permissions.clear()
    ensure_groups()
    ensure_groups()
    assert set(viewer.permissions.values_list("codename", flat=True)) == before
    operator = set(Group.objects.get(name="operator").permissions.values_list("codename", flat=True))
    assert {"cancel_order", "retry_order", "add_product", "change_warehouse", "receive_stock"} <= operator
    assert "decide_order" in set(
        Group.objects.get(name="auditor").permissions.values_list("codename", flat=True)
    )
    assert not {name for name in before if not name.startswith("view_")}


def test_the_checks_of_the_admin_pass() -> None:
    call_command("check", "--tag", "admin")
