"""What a browser shows of histories, forms that come back, groups, and keys that are shown once."""

from typing import Literal

import pytest
from django.contrib.auth.models import Group
from django.urls import reverse
from playwright.sync_api import expect

from holo.apiauth.models import ApiKey
from holo.approvals.models import ApprovalDecision, ApprovalRequest
from holo.identity.models import Organization, User
from holo.staff.models import StaffSession
from inventory.models import Product
from inventory.services import change_product
from orders.groups import ensure_groups
from tests.browser.conftest import PASSWORD, Visitor, VisitorWith
from tests.browser.test_staff import set_up
from tests.logins import Device
from tests.proof import sample
from tests.stories import MAC, PHONE, Shop, build_person

pytestmark = pytest.mark.browser
REASON = "Budget confirmed by the finance team."


def log_in_again(visitor: Visitor, person: User, device: Device) -> None:
    """Fill in both forms of the log-in on the page that a form has led to."""
    page = visitor.page
    expect(page.locator("ul.messagelist li.warning")).to_be_visible()
    visitor.look("session-ended")
    page.locator("#id_username").fill(person.email)
    page.locator("#id_password").fill(PASSWORD)
    page.locator("#login-form input[type=submit]").click()
    page.locator("#id_code").fill(device.code())
    page.locator("#code-form input[type=submit]").click()


@pytest.mark.parametrize("locale", ["en-GB", "zh-CN"])
def test_reason_comes_back_after_the_session_has_ended(
    visitor_with: VisitorWith, shop: Shop, locale: str
) -> None:
    order = shop.place(MAC)
    request = ApprovalRequest.objects.get(subject_id=order.pk)
    visitor = visitor_with(locale=locale)
    device, _codes = set_up(visitor, shop.auditor)
    page = visitor.page
    listed = reverse("admin:approvals_approvalrequest_changelist") + "?state__exact=open"
    # Chosen rows first: they come back chosen, on the page that asks for the reason.
    visitor.open(listed)
    page.locator("input.action-select").first.check()
    page.locator("select[name=action]").select_option("approve")
    StaffSession.objects.filter(user=shop.auditor).delete()
    page.locator(".actions button[type=submit]").click()
    log_in_again(visitor, shop.auditor, device)
    expect(page.locator("#id_reason")).to_be_visible()
    assert page.locator("a.tone-quiet").last.get_attribute("href") == listed
    page.locator("#id_reason").fill(REASON)
    page.context.clear_cookies(name="sessionid")
    page.locator("form.command button[type=submit]").click()
    log_in_again(visitor, shop.auditor, device)
    expect(page.locator("#id_reason")).to_have_value(REASON)
    visitor.look("form-came-back")
    assert not ApprovalDecision.objects.filter(request=request).exists()
    page.locator("form.command button[type=submit]").click()
    expect(page.locator("ul.messagelist li.success")).to_be_visible()
    assert ApprovalDecision.objects.get(request=request).reason == REASON


_LOOKS = [("en-GB", 1280, "light"), ("zh-CN", 1280, "dark"), ("en-GB", 375, "light"), ("zh-CN", 375, "dark")]


def in_looks(name: str) -> pytest.MarkDecorator:
    """Run a test in one of the looks, in the full proof in all of them."""
    return pytest.mark.parametrize(("locale", "width", "scheme"), sample(_LOOKS, name=name))


# What sticks out of its card, where it cannot be scrolled to.
CUT_OFF = """() => [...document.querySelectorAll(
    "#content-main :is(input, select, textarea, button, .readonly, .errorlist, label)")]
    .filter(one => one.getClientRects().length && !one.closest(".results, #changelist-filter ul"))
    .filter(one => {
        const card = one.closest("fieldset, #changelist, #content");
        const edge = card.tagName == "FIELDSET" ? 5 : 0;
        const around = card.getBoundingClientRect(), {left, right} = one.getBoundingClientRect();
        return right > around.right - edge || left < around.left + edge;
    })
    .map(one => one.outerHTML.slice(0, 80))"""


def superuser(shop: Shop) -> User:
    """Return a superuser of the shop who has a password."""
    ensure_groups()
    root = build_person(shop.organization, "root", is_staff=True, is_superuser=True)
    root.set_password(PASSWORD)
    root.save()
    return root


def see(visitor: Visitor, name: str, scheme: str) -> None:
    """Keep a picture; the page must fit the screen."""
    page = visitor.page
    width = page.viewport_size["width"] if page.viewport_size else 0
    visitor.look(f"{name}-{width}-{scheme}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width, name
    assert page.evaluate(CUT_OFF) == [], name


@pytest.mark.prove
@in_looks("groups")
def test_histories_and_groups(
    visitor_with: VisitorWith, shop: Shop, locale: str, width: int, scheme: Literal["light", "dark"]
) -> None:
    root = superuser(shop)
    Organization.objects.create(slug=f"long-{root.pk.hex}", name="Halls of the Northern Provinces, Wholesale")
    product = Product.objects.filter(organization=shop.organization)[0]
    change_product(actor=shop.seller_actor, product_id=product.pk, name="Another name")
    group = Group.objects.create(name=f"night shift {root.pk.hex[-6:]}")
    group.permissions.set(Group.objects.get(name="operator").permissions.all())
    shop.seller.groups.add(group)
    visitor = visitor_with(locale=locale, width=width)
    page = visitor.page
    page.emulate_media(color_scheme=scheme)
    set_up(visitor, root)
    visitor.open(reverse("admin:inventory_product_change", args=[product.pk]))
    page.locator("a.historylink").click()
    expect(page.locator("table.history tbody tr").first).to_contain_text("Another name")
    see(visitor, "history", scheme)
    visitor.open(reverse("admin:auth_group_delete", args=[group.pk]))
    expect(page.locator("#content")).to_contain_text(shop.seller.email)
    see(visitor, "group-delete", scheme)
    visitor.open(reverse("admin:auth_group_changelist"))
    see(visitor, "groups", scheme)
    visitor.open(reverse("admin:identity_user_change", args=[root.pk]))
    page.locator("#id_is_superuser").uncheck()
    page.locator("input[name=_save]").click()
    expect(page.locator(".errornote")).to_be_visible()
    see(visitor, "own-rights", scheme)


@pytest.mark.prove
@in_looks("receipt")
def test_unusual_receipt_is_asked_about(
    visitor_with: VisitorWith, shop: Shop, locale: str, width: int, scheme: Literal["light", "dark"]
) -> None:
    visitor = visitor_with(locale=locale, width=width)
    page = visitor.page
    page.emulate_media(color_scheme=scheme)
    set_up(visitor, superuser(shop))
    visitor.open(reverse("admin:inventory_stocklevel_receive"))
    page.locator("#id_warehouse").select_option(str(shop.warehouses["EAST"].pk))
    page.locator("#id_product").fill(PHONE)
    page.locator("#id_quantity").fill("1000000000")
    page.locator(".command-buttons button").click()
    expect(page.locator(".errorlist")).to_contain_text("1,000,000,000")
    see(visitor, "receive", scheme)
    visitor.open(reverse("admin:auth_group_change", args=[Group.objects.get(name="auditor").pk]))
    expect(page.locator(".selector-chosen")).to_be_visible()
    see(visitor, "group", scheme)


@pytest.mark.prove
@in_looks("keys")
def test_new_key_is_shown_once_and_revoking_asks(
    visitor_with: VisitorWith, shop: Shop, locale: str, width: int, scheme: Literal["light", "dark"]
) -> None:
    root = superuser(shop)
    visitor = visitor_with(locale=locale, width=width)
    page = visitor.page
    page.emulate_media(color_scheme=scheme)
    set_up(visitor, root)
    visitor.open(reverse("admin:apiauth_apikey_add"))
    page.locator("#id_name").fill("till")
    page.locator("#id_scopes input").first.check()
    page.locator(".submit-row input[type=submit]").click()
    expect(page.locator("#api-key")).to_be_visible()
    see(visitor, "key", scheme)
    page.reload()
    expect(page.locator("#content-main")).to_be_visible()
    expect(page.locator("#api-key")).to_have_count(0)
    see(visitor, "key-again", scheme)
    page.go_back()
    expect(page.locator("#api-key")).to_have_count(0)
    key = ApiKey.objects.get(owner=root)
    visitor.open(reverse("admin:apiauth_apikey_changelist"))
    see(visitor, "keys", scheme)
    page.locator(f"input.action-select[value='{key.pk}']").check()
    page.locator("select[name=action]").select_option("revoke")
    page.locator(".actions button[type=submit]").click()
    expect(page.locator("form.command")).to_contain_text(key.prefix)
    see(visitor, "revoke", scheme)
    assert ApiKey.objects.get(pk=key.pk).revoked_at is None
    page.locator("form.command button[type=submit]").click()
    expect(page.locator("ul.messagelist li.success")).to_be_visible()
    assert ApiKey.objects.get(pk=key.pk).revoked_at is not None
    visitor.open(reverse("admin:recovery_codes"))
    see(visitor, "new-codes", scheme)
