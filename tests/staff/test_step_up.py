"""What asks for a fresh second factor, and how one comes back to it."""

import json
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from holo.approvals.models import ApprovalDecision, ApprovalRequest
from holo.audit.models import AuditEvent
from holo.common.step_up import page_of_step_up
from holo.identity.models import Membership, User
from holo.identity.roles import Role
from tests.api.people import Api, build_key, build_person
from tests.bad_inputs.world import a_project
from tests.identity.people import add_member
from tests.logins import Device, enrol, log_in, show_no_code_since
from tests.stories import MAC, Shop, build_shop

pytestmark = pytest.mark.usefixtures("fresh_database")
STEP_UP = "/admin/step-up/"
REASON = "Budget confirmed by the finance team."


@pytest.fixture
def shop() -> Shop:
    shop = build_shop()
    User.objects.filter(pk=shop.auditor.pk).update(is_staff=True)
    return shop


@pytest.fixture
def request_id(shop: Shop) -> str:
    order = shop.place(MAC)
    return str(ApprovalRequest.objects.get(subject_id=order.pk).pk)


def stale(person: User) -> tuple[Client, Device]:
    """Return the browser of somebody who has shown no code for six minutes."""
    device, client = enrol(person), Client()
    log_in(client, User.objects.get(pk=person.pk))
    show_no_code_since(client)
    return client, device


def page_of(request_id: str, verdict: str = "approve") -> str:
    return reverse(f"admin:approvals_approvalrequest_{verdict}", args=[request_id])


def decide(client: Client, request_id: str) -> Any:
    run = reverse("admin:approvals_approvalrequest_approve_run")
    digest = ApprovalRequest.objects.get(pk=request_id).subject_digest
    return client.post(run, {"item": f"{request_id}:{digest}", "reason": REASON})


def test_control_a_fresh_code_is_enough_to_decide(shop: Shop, request_id: str) -> None:
    client = Client()
    enrol(shop.auditor)
    log_in(client, User.objects.get(pk=shop.auditor.pk))
    assert client.get(page_of(request_id)).status_code == 200
    assert decide(client, request_id).status_code == 302
    assert ApprovalDecision.objects.count() == 1


def test_decision_asks_for_a_code_and_leads_back_with_what_was_typed(shop: Shop, request_id: str) -> None:
    client, device = stale(shop.auditor)
    page = page_of(request_id)
    assert client.get(page)["Location"] == page_of_step_up(page)
    answer = decide(client, request_id)
    assert answer["Location"] == page_of_step_up(page)
    assert not ApprovalDecision.objects.exists()
    assert client.get(answer["Location"]).status_code == 200
    assert client.post(answer["Location"], {"code": "000000"}).status_code == 200
    assert client.get(page)["Location"] == page_of_step_up(page)
    assert client.post(answer["Location"], {"code": device.code()})["Location"] == page
    assert REASON in client.get(page).content.decode()
    assert decide(client, request_id).status_code == 302
    assert ApprovalDecision.objects.get().reason == REASON


def test_chosen_rows_ask_for_a_code_too(shop: Shop, request_id: str) -> None:
    client, _device = stale(shop.auditor)
    inbox = reverse("admin:approvals_approvalrequest_changelist")
    answer = client.post(inbox, {"action": "approve", "index": 0, "_selected_action": [request_id]})
    assert answer["Location"] == page_of_step_up(page_of(request_id))


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example/", "/\\evil.example", "", "x:y"]
)
def test_step_up_leads_to_no_other_host(shop: Shop, elsewhere: str) -> None:
    client, device = stale(shop.auditor)
    answer = client.post(f"{STEP_UP}?next={quote(elsewhere)}", {"code": device.code()})
    assert answer["Location"] == "/admin/"


@pytest.mark.parametrize(
    "name",
    [
        "admin:apiauth_apikey_add",
        "admin:identity_user_add",
        "admin:identity_membership_add",
        "admin:auth_group_add",
        "admin:password_change",
    ],
)
def test_pages_that_give_rights_ask_for_a_code(shop: Shop, name: str) -> None:
    client, _device = stale(build_person(organization=None, superuser=True))
    page = reverse(name)
    for answer in (client.get(page), client.post(page, {"name": "x", "password1": "no-one-keeps-this"})):
        assert answer["Location"] == page_of_step_up(page)
    assert "no-one-keeps-this" not in str(dict(client.session))


def test_pages_of_rows_that_give_rights_ask_for_a_code(shop: Shop) -> None:
    client, _device = stale(build_person(organization=None, superuser=True))
    member, group = Membership.objects.all()[0], Group.objects.all()[0]
    pages = [
        reverse("admin:identity_membership_change", args=[member.pk]),
        reverse("admin:identity_membership_delete", args=[member.pk]),
        reverse("admin:identity_user_change", args=[shop.seller.pk]),
        reverse("admin:auth_user_password_change", args=[shop.seller.pk]),
        reverse("admin:auth_group_change", args=[group.pk]),
        reverse("admin:auth_group_delete", args=[group.pk]),
    ]
    for page in pages:
        for answer in (client.get(page), client.post(page, {"post": "yes"})):
            assert answer["Location"] == page_of_step_up(page), page
    assert Membership.objects.filter(pk=member.pk).exists()


def test_no_action_on_chosen_rows_goes_round_the_code(shop: Shop) -> None:
    root = build_person(organization=shop.organization, superuser=True)
    User.objects.filter(pk=root.pk).update(is_staff=True)
    client, _device = stale(root)
    group = Group.objects.create(name="to be deleted")
    for name in ("auth_group", "identity_user", "identity_membership"):
        data = {"action": "delete_selected", "_selected_action": [str(group.pk)], "post": "yes"}
        client.post(reverse(f"admin:{name}_changelist"), data)
    assert Group.objects.filter(pk=group.pk).exists()


def test_head_of_a_value_asks_as_get_does(shop: Shop) -> None:
    slug = a_project(shop.organization)
    owner = add_member(shop.organization, Role.OWNER)
    client, _device = stale(owner)
    path = f"/api/v1/projects/{slug}/environments/{slug}/variables/{slug}"
    before = AuditEvent.objects.filter(action="secretstore.secret_read").count()
    assert [client.get(path).status_code, client.head(path).status_code] == [403, 403]
    assert AuditEvent.objects.filter(action="secretstore.secret_read").count() == before


def test_api_tells_a_session_where_to_show_a_code(shop: Shop, request_id: str) -> None:
    client, device = stale(shop.auditor)
    order = ApprovalRequest.objects.get(pk=request_id).subject_id
    path, body = f"/api/v1/orders/{order}/audit", json.dumps({"action": "APPROVE", "reason": REASON})
    answer = client.post(path, body, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (403, "request.step_up_required")
    assert answer.json()["details"]["url"].startswith("http")
    assert STEP_UP in answer.json()["details"]["url"]
    client.post(STEP_UP, {"code": device.code()})
    assert client.post(path, body, content_type="application/json").status_code == 202


def test_key_of_an_auditor_needs_no_code(shop: Shop, request_id: str) -> None:
    order = ApprovalRequest.objects.get(pk=request_id).subject_id
    key = build_key(owner=shop.auditor, organization=shop.organization, scopes=["orders:audit"])
    path, body = f"/api/v1/orders/{order}/audit", {"action": "APPROVE", "reason": REASON}
    shop.auditor.groups.clear()
    assert Api(key).post(path, body).status_code == 403
    shop.auditor.groups.add(Group.objects.get(name="auditor"))
    User.objects.filter(pk=shop.auditor.pk).update(is_active=False)
    assert Api(key).post(path, body).status_code == 401
    User.objects.filter(pk=shop.auditor.pk).update(is_active=True)
    assert Api(key).post(path, body).status_code == 202
