"""The way of a person: set up a device, log in, decide after a fresh code, look after the own log-ins."""

import re
from datetime import timedelta

import pytest
from django.db.models.functions import Now
from playwright.sync_api import expect

from holo.approvals.models import ApprovalDecision, ApprovalRequest
from holo.common.actor import OrganizationId, system_actor
from holo.identity.models import User
from holo.secretstore.places import place_of
from holo.secretstore.services import set_secret
from holo.staff.models import StaffSession
from tests.browser.conftest import PASSWORD, Visitor, VisitorWith
from tests.logins import Device
from tests.stories import MAC, Shop, build_person

pytestmark = pytest.mark.browser
VALUE = "sk_live_51Hfake"


def show_no_code_since(person: User) -> None:
    """Let the last code of a person have been shown so long ago."""
    StaffSession.objects.filter(user=person).update(proved_at=Now() - timedelta(minutes=6))


def set_up(visitor: Visitor, person: User) -> tuple[Device, list[str]]:
    """Log in for the first time; return the device and the recovery codes."""
    page = visitor.page
    visitor.open("/admin/")
    page.locator("#id_username").fill(person.email)
    page.locator("#id_password").fill(PASSWORD)
    page.locator("input[type=submit]").click()
    expect(page.locator(".qr svg")).to_be_visible()
    visitor.look("device")
    device = Device(page.locator("#secret").inner_text().replace(" ", ""))
    page.locator("#id_code").fill("000000")
    page.locator("input[type=submit]").click()
    expect(page.locator(".errornote")).to_be_visible()
    page.locator("#id_code").fill(device.code())
    page.locator("input[type=submit]").click()
    expect(page.locator(".recovery-codes code")).to_have_count(10)
    visitor.look("recovery")
    codes = page.locator(".recovery-codes code").all_inner_texts()
    page.locator(".command-buttons a").click()
    page.wait_for_url("**/admin/")
    return device, codes


@pytest.mark.parametrize("locale", ["en-GB", "zh-CN"])
def test_first_log_in_then_a_decision_after_a_fresh_code(
    visitor_with: VisitorWith, shop: Shop, locale: str
) -> None:
    order = shop.place(MAC)
    request = ApprovalRequest.objects.get(subject_id=order.pk)
    visitor = visitor_with(locale=locale)
    device, codes = set_up(visitor, shop.auditor)
    page = visitor.page
    show_no_code_since(shop.auditor)
    visitor.open(f"/admin/approvals/approvalrequest/{request.pk}/approve/")
    expect(page.locator("#code-form")).to_be_visible()
    visitor.look("step-up")
    page.locator("#id_code").fill(device.code())
    page.locator("input[type=submit]").click()
    expect(page.locator("#id_reason")).to_be_visible()
    show_no_code_since(shop.auditor)
    page.locator("#id_reason").fill("Budget confirmed by the finance team.")
    page.locator("form.command button[type=submit]").click()
    page.locator("#id_code").fill(codes[0])
    page.locator("input[type=submit]").click()
    expect(page.locator("#id_reason")).to_have_value("Budget confirmed by the finance team.")
    assert not ApprovalDecision.objects.filter(request=request).exists()
    page.locator("form.command button[type=submit]").click()
    expect(page.locator("ul.messagelist li.success")).to_be_visible()
    assert ApprovalDecision.objects.get(request=request).actor == shop.auditor


@pytest.mark.parametrize("locale", ["en-GB", "zh-CN"])
def test_second_log_in_sessions_and_a_secret(visitor_with: VisitorWith, shop: Shop, locale: str) -> None:
    root = build_person(shop.organization, "root", is_staff=True, is_superuser=True)
    root.set_password(PASSWORD)
    root.save()
    organization_id = OrganizationId(shop.organization.pk)
    set_secret(
        actor=system_actor(organization_id),
        place=place_of(shop.organization),
        name="payment/stripe",
        value=VALUE,
    )
    first, second = visitor_with(locale=locale), visitor_with(locale=locale)
    _device, codes = set_up(first, root)
    page = second.page
    second.open("/admin/")
    page.locator("#id_username").fill(root.email)
    page.locator("#id_password").fill(PASSWORD)
    second.look("password")
    page.locator("input[type=submit]").click()
    expect(page.locator("#code-form")).to_be_visible()
    second.look("code")
    page.locator("#id_code").fill(codes[1])
    page.locator("input[type=submit]").click()
    page.wait_for_url("**/admin/")
    second.open("/admin/account/")
    expect(page.locator("table.sessions tbody tr")).to_have_count(2)
    second.look("sessions")
    page.locator("button[value=end_others]").click()
    expect(page.locator("table.sessions tbody tr")).to_have_count(1)
    first.open("/admin/")
    expect(first.page.locator("#id_username")).to_be_visible()
    second.open("/admin/secretstore/secret/")
    second.look("secrets")
    page.get_by_role("link", name="payment/stripe").first.click()
    second.look("secret")
    page.locator("a[href$='/reveal/']").click()
    expect(page.locator("body")).not_to_contain_text(VALUE)
    page.locator("#id_reason").fill("The provider asked us to compare it.")
    second.look("reveal")
    page.locator("form.command button[type=submit]").click()
    expect(page.locator("#secret-value")).to_have_text(re.compile(VALUE))
    second.look("revealed")


def test_pages_of_logging_in_fit_a_phone(visitor_with: VisitorWith, shop: Shop) -> None:
    visitor = visitor_with(width=375, height=700)
    _device, _codes = set_up(visitor, shop.auditor)
    for path in ("/admin/account/", "/admin/step-up/"):
        visitor.open(path)
        visitor.look(f"phone{path.replace('/', '-')}")
        assert visitor.page.evaluate("document.documentElement.scrollWidth") <= 375, path
