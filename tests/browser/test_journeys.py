"""What people do in the admin, done by a browser."""

import re

import pytest
from playwright.sync_api import expect

from holo.approvals.models import ApprovalDecision, ApprovalRequest
from holo.approvals.services import decide
from orders.models import Order, ParkedStep
from orders.services import park_order
from orders.steps import Failure
from tests.browser.conftest import PASSWORD, Visitor, VisitorWith
from tests.logins import enrol
from tests.stories import MAC, PHONE, Shop, actor_of, build_person

pytestmark = pytest.mark.browser

INBOX = "/admin/approvals/approvalrequest/"
ORDERS = "/admin/orders/order/"
REASON = "Confirmed with the customer by phone."


def _waiting(shop: Shop) -> tuple[Order, ApprovalRequest]:
    order = shop.place(MAC)
    return order, ApprovalRequest.objects.get(subject_id=order.pk)


def _parked(shop: Shop) -> Order:
    order = shop.place(PHONE)
    failure = Failure(step="refund_payment", attempts=5, error_code="gateway.down", message="no answer")
    park_order(order_id=order.pk, failures=[failure])
    return order


def test_a_wrong_password_is_refused_and_the_right_one_leads_to_the_start_page(
    visitor: Visitor, shop: Shop
) -> None:
    page, device = visitor.page, enrol(shop.auditor)
    visitor.open("/admin/")
    page.get_by_label("E-mail address").fill(shop.auditor.email)
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Log in").click()
    expect(page.locator(".errornote")).to_be_visible()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.get_by_label("Code").fill(device.present())
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    expect(page.locator(".figure")).to_have_count(4)


def test_an_auditor_goes_from_the_start_page_to_an_approval(visitor: Visitor, shop: Shop) -> None:
    order, request = _waiting(shop)
    visitor.log_in(shop.auditor)
    page = visitor.page
    page.locator(".needs-you").get_by_role("link", name=order.number).click()
    expect(page.locator("table.lines")).to_contain_text("¥20,000.00")
    page.locator(".page-actions").get_by_role("link", name="Approve").click()
    page.get_by_label("Reason").fill("too short")
    page.get_by_role("button", name="Approve").click()
    expect(page.locator(".errorlist")).to_contain_text("at least 10 characters")
    assert not ApprovalDecision.objects.filter(request=request).exists()
    page.get_by_label("Reason").fill(REASON)
    page.get_by_role("button", name="Approve").click()
    expect(page.locator(".messagelist .success")).to_contain_text("Approved")
    expect(page.locator(".decision")).to_contain_text(REASON)
    assert ApprovalDecision.objects.get(request=request).verdict == "approve"


def test_an_auditor_rejects_from_the_inbox(visitor: Visitor, shop: Shop) -> None:
    order, request = _waiting(shop)
    visitor.log_in(shop.auditor)
    page = visitor.page
    visitor.open(INBOX)
    page.locator("#result_list tr", has_text=order.number).get_by_role("link", name="Reject").click()
    page.get_by_label("Reason").fill("The credit line is exhausted.")
    page.get_by_role("button", name="Reject").click()
    expect(page.locator(".messagelist .success")).to_contain_text("Rejected")
    request.refresh_from_db()
    assert request.state == "rejected"


def test_ones_own_order_offers_no_buttons(visitor: Visitor, shop: Shop) -> None:
    shop.seller.groups.add(*shop.auditor.groups.all())
    order, request = _waiting(shop)
    visitor.log_in(shop.seller)
    page = visitor.page
    visitor.open(INBOX)
    row = page.locator("#result_list tr", has_text=order.number)
    expect(row).to_contain_text("A second person must decide")
    expect(row.get_by_role("link", name="Approve")).to_have_count(0)
    visitor.open(f"{INBOX}{request.pk}/approve/")
    expect(page.locator(".obstacle")).to_contain_text("A second person must decide")
    expect(page.get_by_role("button", name="Approve")).to_have_count(0)


def test_a_bulk_approval_tells_the_outcome_of_each(visitor: Visitor, shop: Shop) -> None:
    waiting = [_waiting(shop) for _ in range(3)]
    visitor.log_in(shop.auditor)
    page = visitor.page
    visitor.open(INBOX)
    page.locator("#action-toggle").check()
    page.locator("select[name=action]").select_option("approve")
    page.get_by_role("button", name="Go").click()
    expect(page.locator("ul.items > li")).to_have_count(3)
    second = build_person(shop.organization, "second", auditor=True)
    decide(
        actor=actor_of(second, shop.organization),
        request_id=waiting[1][1].pk,
        verdict=ApprovalDecision.Verdict.REJECT,
        reason="somebody was faster",
    )
    page.get_by_label("Reason").fill(REASON)
    page.get_by_role("button", name="Approve (3)").click()
    expect(page.locator("tr.applied")).to_have_count(2)
    refused = page.locator("tr.refused")
    expect(refused).to_contain_text(waiting[1][0].number)
    expect(refused).to_contain_text(f"Already rejected by {second.email}")
    expect(refused).to_contain_text("approvals.already_decided")


def test_a_page_that_went_stale_is_sent_back_for_review(visitor: Visitor, shop: Shop) -> None:
    _order, request = _waiting(shop)
    visitor.log_in(shop.auditor)
    page = visitor.page
    visitor.open(f"{INBOX}{request.pk}/approve/")
    page.get_by_label("Reason").fill(REASON)
    page.locator("input[name=item]").evaluate(
        "(field, id) => field.value = id + ':' + '0'.repeat(64)", str(request.pk)
    )
    page.get_by_role("button", name="Approve").click()
    expect(page.locator(".messagelist .error")).to_contain_text("review it again")
    request.refresh_from_db()
    assert request.state == "open"


def test_an_operator_cancels_an_order_after_a_confirmation(visitor: Visitor, shop: Shop) -> None:
    order, _request = _waiting(shop)
    visitor.log_in(shop.seller)
    page = visitor.page
    visitor.open(ORDERS)
    page.get_by_role("link", name=order.number).click()
    page.get_by_role("link", name="Cancel and roll back").click()
    expect(page.locator(".lead")).to_contain_text("cannot be taken back")
    page.get_by_role("link", name="Back, change nothing").click()
    assert not Order.objects.filter(pk=order.pk, abort__isnull=False).exists()
    page.get_by_role("link", name="Cancel and roll back").click()
    page.get_by_role("button", name="Cancel and roll back").click()
    expect(page.locator(".messagelist .success")).to_contain_text("is being undone")
    expect(page.locator(".timeline")).to_contain_text("cancelled on request")
    assert Order.objects.get(pk=order.pk).abort.actor_label == f"user:{shop.seller.pk}"


def test_an_operator_retries_parked_steps(visitor: Visitor, shop: Shop) -> None:
    order = _parked(shop)
    visitor.log_in(shop.seller)
    page = visitor.page
    page.locator(".attention").get_by_role("link", name=order.number).click()
    expect(page.locator(".card-bad")).to_contain_text("refund payment")
    page.get_by_role("link", name="Retry parked steps").click()
    page.get_by_role("button", name="Retry parked steps").click()
    expect(page.locator(".messagelist .success")).to_contain_text("run again")
    assert ParkedStep.objects.get(order=order).retry_requested_at is not None


def test_the_language_is_switched_in_the_header_and_stays(visitor: Visitor, shop: Shop) -> None:
    visitor.log_in(shop.auditor)
    page = visitor.page
    visitor.open(INBOX)
    page.get_by_role("button", name="简体中文").click()
    expect(page).to_have_url(re.compile(re.escape(INBOX)))
    expect(page.locator("html")).to_have_attribute("lang", "zh-hans")
    expect(page.get_by_role("button", name="退出登录")).to_be_visible()
    expect(page.get_by_role("heading", name="审批收件箱")).to_be_visible()
    visitor.open(ORDERS)
    expect(page.locator("html")).to_have_attribute("lang", "zh-hans")
    page.get_by_role("button", name="EN").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")


def test_a_chinese_browser_gets_chinese_at_the_login(visitor_with: VisitorWith, shop: Shop) -> None:
    visitor = visitor_with(locale="zh-CN")
    visitor.open("/admin/")
    expect(visitor.page.locator("html")).to_have_attribute("lang", "zh-hans")


def test_every_page_fits_a_phone(visitor_with: VisitorWith, shop: Shop) -> None:
    order, request = _waiting(shop)
    parked = _parked(shop)
    shop.auditor.groups.add(*shop.seller.groups.all())
    visitor = visitor_with(width=375, height=700)
    visitor.log_in(shop.auditor)
    paths = [
        "/admin/",
        INBOX,
        f"{INBOX}{request.pk}/change/",
        f"{INBOX}{request.pk}/approve/",
        ORDERS,
        f"{ORDERS}{order.pk}/change/",
        f"{ORDERS}{parked.pk}/change/",
        f"{ORDERS}{order.pk}/cancel/",
    ]
    for path in paths:
        visitor.open(path)
        assert visitor.page.evaluate("document.documentElement.scrollWidth") <= 375, path
    visitor.open(INBOX)
    approve = visitor.page.get_by_role("link", name="Approve", exact=True).bounding_box()
    assert approve is not None
    assert 0 <= approve["x"] <= 375 - approve["width"]


def test_markup_in_data_is_text_to_the_browser(visitor: Visitor, shop: Shop) -> None:
    shop.products[MAC].name = "<img src=x onerror=alert(1)><script>alert(2)</script>"
    shop.products[MAC].save()
    order, request = _waiting(shop)
    visitor.log_in(shop.auditor)
    visitor.page.on("dialog", lambda dialog: visitor.complaints.append(f"dialog: {dialog.message}"))
    for path in (
        f"{INBOX}{request.pk}/change/",
        f"{INBOX}{request.pk}/approve/",
        f"{ORDERS}{order.pk}/change/",
    ):
        visitor.open(path)
        expect(visitor.page.locator("table.lines")).to_contain_text("<script>alert(2)</script>")
