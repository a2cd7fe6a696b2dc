"""A form that is sent after the session has ended comes back as it was filled in; nothing else happens."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django import forms
from django.contrib import admin
from django.contrib.auth.models import Group
from django.contrib.sessions.models import Session
from django.test import Client, RequestFactory
from django.urls import reverse

from holo.approvals.models import ApprovalDecision, ApprovalRequest
from holo.common import kept_form
from holo.common.admin import ReadOnlyAdmin
from holo.common.kept_form import is_secret_field
from holo.common.step_up import page_of_step_up
from holo.identity.models import Membership, User
from holo.staff.models import StaffSession
from inventory.models import Product, Warehouse
from tests.logins import Device, enrol, show_no_code_since
from tests.stories import MAC, Shop, build_shop

pytestmark = pytest.mark.usefixtures("fresh_database")
PASSWORD = "correct horse battery staple"
REASON = "Budget confirmed by the finance team."
INBOX = "admin:approvals_approvalrequest_changelist"
RUN = "admin:approvals_approvalrequest_approve_run"


class Browser(Client):
    """Somebody's browser: logs in by the forms, and loses its session in several ways."""

    def __init__(self, person: User) -> None:
        super().__init__()
        person.set_password(PASSWORD)
        User.objects.filter(pk=person.pk).update(password=person.password, is_staff=True)
        self.person, self.device = person, enrol(person)

    def log_in(self, page: str = "/admin/login/", device: Device | None = None, email: str = "") -> str:
        """Fill in both forms of the log-in, and return where that leads."""
        self.get(page)
        answer = self.post(
            page,
            {
                "username": email or self.person.email,
                "password": PASSWORD,
                "next": parse_qs(urlsplit(page).query).get("next", ["/admin/"])[0],
            },
        )
        code = (device or self.device).code()
        return str(self.post(answer["Location"], {"code": code})["Location"])


def lose_row(browser: Browser) -> None:
    StaffSession.objects.all().delete()


def lose_session(browser: Browser) -> None:
    Session.objects.all().delete()


def lose_cookie(browser: Browser) -> None:
    del browser.cookies["sessionid"]


LOSSES = {"idle": lose_row, "swept": lose_session, "cookie removed": lose_cookie}


@pytest.fixture
def shop() -> Shop:
    return build_shop()


@pytest.fixture
def requests(shop: Shop) -> list[ApprovalRequest]:
    for _ in range(3):
        shop.place(MAC)
    return list(ApprovalRequest.objects.order_by("pk"))


@pytest.fixture
def auditor(shop: Shop) -> Browser:
    browser = Browser(shop.auditor)
    browser.log_in()
    browser.get("/admin/")
    return browser


@pytest.fixture
def root(shop: Shop) -> Browser:
    person = User.objects.create_superuser("root@example.com", PASSWORD)
    Membership.objects.create(organization=shop.organization, user=person)
    browser = Browser(person)
    browser.log_in()
    browser.get("/admin/")
    return browser


def decision(*requests: ApprovalRequest, **more: object) -> dict[str, object]:
    items = [f"{request.pk}:{request.subject_digest}" for request in requests]
    return {"item": items, "reason": REASON, **more}


@pytest.mark.parametrize("loss", LOSSES)
def test_decision_comes_back_with_its_reason(
    auditor: Browser, requests: list[ApprovalRequest], loss: str
) -> None:
    LOSSES[loss](auditor)
    answer = auditor.post(reverse(RUN), decision(requests[0]))
    assert answer["Location"].startswith("/admin/login/")
    page = auditor.get(answer["Location"]).content.decode()
    assert "Your session has ended, and nothing was changed." in page
    back = auditor.log_in(answer["Location"])
    assert not ApprovalDecision.objects.exists()
    shown = auditor.get(back)
    assert (shown.status_code, REASON in shown.content.decode()) == (200, True)
    assert [item.row for item in shown.context["items"]] == [requests[0]]
    assert not shown.context["form"].errors
    assert not ApprovalDecision.objects.exists()
    auditor.post(reverse(RUN), decision(requests[0]))
    assert ApprovalDecision.objects.get().reason == REASON


def test_chosen_rows_come_back_with_the_filter(auditor: Browser, requests: list[ApprovalRequest]) -> None:
    lose_row(auditor)
    listed = reverse(INBOX) + "?state__exact=open"
    chosen = [str(request.pk) for request in requests[:2]]
    answer = auditor.post(listed, {"action": "approve", "index": 0, "_selected_action": chosen})
    shown = auditor.get(auditor.log_in(answer["Location"]))
    assert {str(item.row.pk) for item in shown.context["items"]} == set(chosen)
    assert (shown.context["back"], shown.context["listed"]) == (listed, "state__exact=open")
    assert not shown.context["form"].errors


def test_form_that_came_back_stays_when_its_page_is_loaded_again(
    auditor: Browser, requests: list[ApprovalRequest]
) -> None:
    """It was 405 with the text lost, as was a change of the language there."""
    lose_row(auditor)
    answer = auditor.post(reverse(RUN), decision(*requests[:2], list="state__exact=open"))
    back = auditor.log_in(answer["Location"])
    for _ in range(3):
        shown = auditor.get(back)
        assert (shown.status_code, REASON in shown.content.decode()) == (200, True)
        assert [item.row for item in shown.context["items"]] == requests[:2]
    auditor.post(reverse(RUN), decision(*requests[:2], list=shown.context["listed"]))
    assert ApprovalDecision.objects.count() == 2
    assert auditor.get(back).status_code == 405
    assert REASON not in str(dict(auditor.session))


def test_form_of_several_rows_comes_back(auditor: Browser, requests: list[ApprovalRequest]) -> None:
    lose_row(auditor)
    answer = auditor.post(reverse(RUN), decision(*requests, list="state__exact=open"))
    shown = auditor.get(auditor.log_in(answer["Location"]))
    assert [item.row for item in shown.context["items"]] == requests
    assert REASON in shown.content.decode()
    assert shown.context["back"] == reverse(INBOX) + "?state__exact=open"


def test_chosen_rows_wait_for_a_code(auditor: Browser, requests: list[ApprovalRequest]) -> None:
    listed = reverse(INBOX) + "?state__exact=open"
    chosen = [str(request.pk) for request in requests[:2]]
    show_no_code_since(auditor)
    answer = auditor.post(listed, {"action": "approve", "index": 0, "_selected_action": chosen})
    assert answer["Location"] == page_of_step_up(reverse(RUN))
    back = auditor.post(answer["Location"], {"code": auditor.device.code()})["Location"]
    shown = auditor.get(back)
    assert {str(item.row.pk) for item in shown.context["items"]} == set(chosen)
    assert shown.context["back"] == listed
    show_no_code_since(auditor)
    answer = auditor.post(reverse(RUN), decision(*requests[:2], list=shown.context["listed"]))
    shown = auditor.get(auditor.post(answer["Location"], {"code": auditor.device.code()})["Location"])
    assert REASON in shown.content.decode()
    assert not ApprovalDecision.objects.exists()
    done = auditor.post(reverse(RUN), decision(*requests[:2], list=shown.context["listed"]), follow=True)
    assert (done.context["applied"], done.context["back"]) == (2, listed)


def test_reloading_what_became_of_several_rows_gives_no_command(
    auditor: Browser, requests: list[ApprovalRequest]
) -> None:
    answer = auditor.post(reverse(RUN), decision(*requests))
    assert answer.status_code == 302
    for _ in range(2):
        shown = auditor.get(answer["Location"])
        assert (shown.status_code, shown.context["applied"], shown.context["refused"]) == (200, 3, 0)
    assert ApprovalDecision.objects.count() == 3


def stale_token(browser: Browser, request: ApprovalRequest) -> dict[str, str]:
    """Open a form, log in in another tab, and return what the form still sends."""
    page = reverse("admin:approvals_approvalrequest_approve", args=[request.pk])
    token = str(browser.get(page).context["csrf_token"])
    lose_row(browser)
    browser.log_in()
    browser.handler.enforce_csrf_checks = True
    return {"csrfmiddlewaretoken": token}


OWN_PAGE = {"Sec-Fetch-Site": "same-origin"}


def test_form_that_is_older_than_a_log_in_in_another_tab_comes_back(
    auditor: Browser, requests: list[ApprovalRequest]
) -> None:
    sent = {**decision(requests[0]), **stale_token(auditor, requests[0])}
    answer = auditor.post(reverse(RUN), sent, headers=OWN_PAGE)
    assert (answer.status_code, answer["Location"]) == (302, reverse(RUN))
    assert not ApprovalDecision.objects.exists()
    shown = auditor.get(reverse(RUN))
    assert REASON in shown.content.decode()
    token = str(shown.context["csrf_token"])
    auditor.post(reverse(RUN), {**sent, "csrfmiddlewaretoken": token}, headers=OWN_PAGE)
    assert ApprovalDecision.objects.get().reason == REASON


def test_stale_form_of_an_ended_session_waits_for_the_log_in(
    auditor: Browser, requests: list[ApprovalRequest]
) -> None:
    sent = {**decision(requests[0]), **stale_token(auditor, requests[0])}
    lose_row(auditor)
    answer = auditor.post(reverse(RUN), sent, headers=OWN_PAGE)
    auditor.handler.enforce_csrf_checks = False
    assert REASON in auditor.get(auditor.log_in(answer["Location"])).content.decode()
    assert not ApprovalDecision.objects.exists()


def test_stale_form_of_somebody_else_in_the_same_browser_is_nobodys(
    auditor: Browser, requests: list[ApprovalRequest], shop: Shop
) -> None:
    """Ann's tab is open; Bob logs in in another one, and logs in again; Ann's form is sent."""
    sent = {**decision(requests[0]), **stale_token(auditor, requests[0])}
    other = User.objects.create_superuser("other@example.com", PASSWORD)
    other.groups.add(Group.objects.get(name="auditor"))
    Membership.objects.create(organization=shop.organization, user=other)
    device = enrol(other)
    auditor.handler.enforce_csrf_checks = False
    for _ in range(2):
        lose_row(auditor)
        auditor.log_in(device=device, email=other.email)
        assert auditor.get(reverse("admin:index")).status_code == 200
    auditor.handler.enforce_csrf_checks = True
    answer = auditor.post(reverse(RUN), sent, headers=OWN_PAGE, follow=True)
    assert "who used this browser" in answer.content.decode()
    assert REASON not in answer.content.decode()
    assert REASON not in str(dict(auditor.session))


@pytest.mark.parametrize("headers", [{}, {"Sec-Fetch-Site": "none"}, {"Origin": "https://evil.example"}])
def test_form_without_a_token_that_no_own_page_sends_is_not_kept(
    auditor: Browser, requests: list[ApprovalRequest], headers: dict[str, str]
) -> None:
    sent = {**decision(requests[0]), **stale_token(auditor, requests[0])}
    assert auditor.post(reverse(RUN), sent, headers=headers).status_code == 403
    assert REASON not in str(dict(auditor.session))


def test_log_out_of_a_stale_page_leads_to_one_that_can(
    auditor: Browser, requests: list[ApprovalRequest]
) -> None:
    sent = stale_token(auditor, requests[0])
    page = auditor.post(reverse("admin:logout"), sent, headers=OWN_PAGE, follow=True)
    assert "Log out again." in page.content.decode()
    token = str(page.context["csrf_token"])
    assert auditor.get("/admin/").status_code == 200
    auditor.post(reverse("admin:logout"), {"csrfmiddlewaretoken": token}, headers=OWN_PAGE)
    assert auditor.get("/admin/").status_code == 302


def test_somebody_else_gets_no_form(auditor: Browser, requests: list[ApprovalRequest], shop: Shop) -> None:
    lose_row(auditor)
    answer = auditor.post(reverse(RUN), decision(requests[0]))
    other = User.objects.create_superuser("other@example.com", PASSWORD)
    other.groups.add(Group.objects.get(name="auditor"))
    Membership.objects.create(organization=shop.organization, user=other)
    back = auditor.log_in(answer["Location"], device=enrol(other), email=other.email)
    assert back == "/admin/"
    assert "was discarded" in auditor.get(back).content.decode()
    assert auditor.get(reverse(RUN)).status_code == 405
    assert REASON not in str(dict(auditor.session))


def test_form_is_kept_for_half_an_hour(
    auditor: Browser, requests: list[ApprovalRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_row(auditor)
    monkeypatch.setattr(kept_form, "KEPT_SECONDS", -1)
    answer = auditor.post(reverse(RUN), decision(requests[0]))
    monkeypatch.undo()
    auditor.cookies["sessionid"]  # the session itself is still there
    assert auditor.log_in(answer["Location"]) in ("/admin/", reverse(RUN))
    assert REASON not in auditor.get(reverse(RUN)).content.decode()


def test_stranger_stores_nothing(shop: Shop) -> None:
    client = Client()
    for name in ("admin:login", "admin:identity_user_add", RUN):
        client.post(reverse(name), {"email": "x@example.com", "reason": REASON})
    assert REASON not in "".join(str(row.get_decoded()) for row in Session.objects.all())


def test_form_that_is_too_long_is_not_kept(auditor: Browser) -> None:
    lose_row(auditor)
    page = reverse("admin:inventory_product_add")
    answer = auditor.post(page, {"name": "x" * kept_form.LARGEST})
    assert "could not be kept" in auditor.get(answer["Location"]).content.decode()
    assert "x" * 1000 not in str(dict(auditor.session))


def test_address_to_come_back_to_is_of_this_host(auditor: Browser) -> None:
    lose_row(auditor)
    answer = auditor.post("/admin//evil.example/%5C/", {"reason": REASON})
    back = auditor.log_in(answer["Location"])
    assert urlsplit(back).netloc == ""
    assert back.startswith("/admin/")


# What is typed into each form of the admin that takes text, and what must not be there afterwards.
FORMS: dict[str, dict[str, object]] = {
    "admin:inventory_product_add": {"sku": "KEPT-1", "name": "Kept product", "price": "12.00"},
    "admin:inventory_warehouse_add": {"code": "KEPT", "name": "Kept warehouse", "priority": "3"},
    "admin:inventory_stocklevel_receive": {"product": "KEPT-2", "quantity": "12", "note": "Kept note"},
    "admin:identity_user_add": {"email": "kept@example.com", "name": "Kept name"},
    "admin:identity_organization_add": {"slug": "kept-1", "name": "Kept organisation"},
    "admin:auth_group_add": {"name": "Kept group"},
    "admin:apiauth_apikey_add": {"name": "Kept key", "days": "77", "kind": "key"},
}


@pytest.mark.parametrize("name", FORMS)
def test_each_form_comes_back_filled_in(root: Browser, name: str) -> None:
    page = reverse(name) + "?_changelist_filters=q%3Dx"
    assert root.get(page).status_code == 200
    lose_row(root)
    answer = root.post(page, FORMS[name])
    back = root.log_in(answer["Location"])
    assert back == page
    shown = root.get(back)
    values = set(re.findall(r'value="([^"]*)"', shown.content.decode()))
    typed = {str(value) for field, value in FORMS[name].items() if field not in ("kind", "note")}
    assert typed <= values
    assert str(FORMS[name].get("note", "")) in shown.content.decode()
    assert not Product.objects.filter(sku__startswith="KEPT").exists()
    assert not Warehouse.objects.filter(code="KEPT").exists()
    # Once: whoever opens the page again finds it empty.
    again = set(re.findall(r'value="([^"]*)"', root.get(page).content.decode()))
    assert not typed & again - {"3", "12"}


def test_form_of_a_person_comes_back_with_its_rows(root: Browser, shop: Shop) -> None:
    page = reverse("admin:identity_user_change", args=[shop.seller.pk])
    member = Membership.objects.get(user=shop.seller)
    sent = {
        "email": shop.seller.email,
        "name": "Typed name",
        "is_active": "on",
        "memberships-TOTAL_FORMS": "1",
        "memberships-INITIAL_FORMS": "1",
        "memberships-0-id": member.pk,
        "memberships-0-user": shop.seller.pk,
        "memberships-0-organization": shop.organization.pk,
        "memberships-0-role": "auditor",
    }
    lose_row(root)
    shown = root.get(root.log_in(root.post(page, sent)["Location"]))
    assert "Typed name" in shown.content.decode()
    assert shown.context["inline_admin_formsets"][0].formset.forms[0]["role"].value() == "auditor"
    member.refresh_from_db()
    assert (member.role, User.objects.get(pk=shop.seller.pk).name) == ("member", shop.seller.name)


def test_passwords_are_not_kept(root: Browser, shop: Shop) -> None:
    lose_row(root)
    secret = "a-password-that-nobody-keeps"
    for page in (
        reverse("admin:identity_user_add"),
        reverse("admin:password_change"),
        reverse("admin:auth_user_password_change", args=[shop.seller.pk]),
    ):
        typed = {"email": "x@example.com", "password1": secret, "password2": secret, "new_password1": secret}
        root.post(page, {**typed, "old_password": secret, "csrfmiddlewaretoken": secret})
        assert secret not in "".join(str(row.get_decoded()) for row in Session.objects.all())


def _forms_of_the_admin(person: User) -> Iterator[Any]:
    request = RequestFactory().get("/admin/")
    request.user, request.session = person, {}  # type: ignore[assignment]
    for page in admin.site._registry.values():
        if hasattr(page, "change_password_form"):
            yield page.change_password_form
        if not isinstance(page, ReadOnlyAdmin):
            yield page.get_form(request)


def test_each_password_field_has_a_name_that_is_not_kept(root: Browser) -> None:
    found = [
        name
        for form in _forms_of_the_admin(root.person)
        for name, field in {**form.declared_fields, **form.base_fields}.items()
        if isinstance(field.widget, forms.PasswordInput)
    ]
    assert found
    assert [name for name in found if not is_secret_field(name)] == []
