"""Every page of the admin that links lead to, over rows full of script: nothing runs, nothing is refused."""

import re
from collections import Counter
from urllib.parse import urljoin, urlsplit

import pytest

from holo.apiauth.services import create_api_key
from holo.approvals.models import ApprovalDecision, ApprovalRequest
from holo.approvals.services import decide
from holo.common.money import Money
from holo.identity.models import User
from inventory.services import create_product, create_warehouse, receive_stock
from orders.models import Order
from orders.services import park_order, place_order
from orders.services.placing import Placement, WantedLine
from orders.steps import Failure
from tests.browser.conftest import PASSWORD, Visitor, VisitorWith, reported
from tests.live import eventually
from tests.logins import enrol
from tests.proof import Proof, sample
from tests.stories import MAC, Shop, build_person

pytestmark = pytest.mark.browser

# Whichever of the three a page lets through, a script would have run, or the policy would have refused one.
MARKUP = "</td><script>window.ran=1</script><img src=x onerror='window.ran=1'>"
# The part of a path that names a row; changelists begin with the newest.
_ROW = re.compile(r"/(\d+|[0-9a-f]{8}-[0-9a-f-]{27})/")
# Asked of a page in one round trip: whether it is there, whether a script ran, its text and its links.
_LOOK = """() => ({
    there: document.querySelector("#content")?.checkVisibility() === true,
    ran: window.ran ?? null,
    text: document.body.innerText,
    links: Array.from(document.querySelectorAll("a[href]"), link => link.getAttribute("href")),
})"""
LANGUAGES = [("en-GB", 2), ("zh-CN", 1)]
# What ends the visit, and what is a file.
_NOT_FOLLOWED = ("/logout", "/jsi18n", "/password_change/done")


@pytest.fixture
def root(shop: Shop) -> User:
    """Somebody who may see everything, named like an attack."""
    user = build_person(shop.organization, "root", auditor=True, is_staff=True)
    user.is_superuser, user.name = True, MARKUP
    user.set_password(PASSWORD)
    user.save()
    return user


@pytest.fixture
def order(shop: Shop, root: User) -> Order:
    """An order whose every free text is an attack, decided about and parked; with a key of the kind."""
    actor = shop.seller_actor
    shop.organization.name = MARKUP
    shop.organization.save()
    create_warehouse(actor=actor, code="<script>window.ran=1</script>", name=MARKUP, priority=9)
    product = create_product(
        actor=actor, sku=MARKUP[:60], name=MARKUP, price=Money(minor=20_000_00, currency="CNY")
    )
    receive_stock(
        actor=actor, warehouse_id=shop.warehouses["EAST"].pk, product_id=product.pk, quantity=9, note=MARKUP
    )
    create_api_key(
        actor=actor,
        owner_id=shop.seller.pk,
        organization_id=shop.organization.pk,
        name=MARKUP[:60],
        scopes=["orders:read"],
    )
    for skus in ((MARKUP[:60],), (MAC,)):
        order = place_order(
            actor=actor,
            placement=Placement(
                lines=[WantedLine(sku=sku, quantity=1, pointer="/items/0") for sku in skus],
                client_ref=f"{MARKUP[:60]}{len(skus[0])}",
                ship_to={"name": MARKUP, "city": MARKUP},
            ),
        ).order
    request = ApprovalRequest.objects.get(subject_id=order.pk)
    decide(
        actor=shop.auditor_actor,
        request_id=request.pk,
        verdict=ApprovalDecision.Verdict.REJECT,
        reason=MARKUP,
    )
    park_order(
        order_id=order.pk,
        failures=[Failure(step="refund_payment", attempts=5, error_code=MARKUP[:90], message=MARKUP)],
    )
    return order


@pytest.mark.prove
@pytest.mark.parametrize(("locale", "of_a_kind"), sample(LANGUAGES))
def test_no_script_of_a_row_runs_on_any_page(
    visitor_with: VisitorWith, root: User, order: Order, locale: str, of_a_kind: int, proof: Proof
) -> None:
    """Both languages have the same templates: a short run takes one; Chinese opens one row of each kind."""
    visitor = visitor_with(locale=locale)
    visitor.open("/admin/")
    visitor.page.locator("#id_username").fill(root.email)
    visitor.page.locator("#id_password").fill(PASSWORD)
    device = enrol(root)
    visitor.page.locator("#id_password").press("Enter")
    visitor.page.locator("#id_code").fill(device.present())
    visitor.page.locator("#id_code").press("Enter")
    visitor.page.wait_for_url(lambda url: urlsplit(url).path == "/admin/")
    shown, seen = crawl(visitor, of_a_kind)
    assert len(seen) >= 40, sorted(seen)
    proof.note(language=locale, pages=len(seen), pages_with_markup=shown)
    assert shown >= 5 * of_a_kind, "the rows were hardly on any page"
    assert "/admin/password_change/" in seen
    visitor.page.locator("#logout-form button").click()
    visitor.page.locator("#content").wait_for()


def crawl(visitor: Visitor, of_a_kind: int) -> tuple[int, set[str]]:
    """Open what links lead to, each path once; return how many pages showed the markup, and the paths.

    `of_a_kind` pages are opened of those that differ in the row alone.
    """
    waiting, seen, shown = [visitor.page.url], set[str](), 0
    kinds: Counter[str] = Counter()
    while waiting:
        url = waiting.pop(0)
        path = urlsplit(url).path
        kind = _ROW.sub("/*/", path)
        if path in seen or kinds[kind] == of_a_kind:
            continue
        seen.add(path)
        kinds[kind] += 1
        answer = visitor.page.goto(url)
        assert answer is not None, url
        assert answer.status == 200, url
        found = visitor.page.evaluate(_LOOK)
        assert (found["there"], found["ran"], visitor.complaints) == (True, None, []), url
        shown += "window.ran=1" in found["text"]
        waiting += followed(found["links"], url, visitor.base_url)
    return shown, seen


def followed(links: list[str], page_url: str, base_url: str) -> list[str]:
    """Return where the links of a page lead within the admin."""
    urls = [urljoin(page_url, link) for link in links]
    return [
        url
        for url in urls
        if url.startswith(f"{base_url}/admin/") and not any(part in url for part in _NOT_FOLLOWED)
    ]


def test_control_a_script_in_a_page_is_refused_and_told(visitor: Visitor, shop: Shop) -> None:
    visitor.log_in(shop.auditor)
    before = reported(visitor, "script-src-attr")
    visitor.page.evaluate(f'document.body.insertAdjacentHTML("beforeend", "{MARKUP}")')
    visitor.page.wait_for_function("document.images.length > 0")
    visitor.page.wait_for_timeout(200)
    assert visitor.page.evaluate("window.ran") is None
    assert any("CSP" in complaint for complaint in visitor.complaints), visitor.complaints
    visitor.complaints.clear()
    eventually(lambda: reported(visitor, "script-src-attr") == before + 1, what="the browser's report")


def test_form_of_another_site_is_refused_by_what_the_browser_says(visitor: Visitor, shop: Shop) -> None:
    visitor.log_in(shop.auditor)
    page = visitor.page
    for button in ("简体中文", "EN"):
        with page.expect_response("**/i18n/setlang/") as told:
            page.get_by_role("button", name=button).click()
        assert told.value.request.header_value("sec-fetch-site") == "same-origin"
        assert told.value.status == 302
        page.wait_for_load_state()
    page.goto("about:blank")
    page.set_content(
        f'<form method="post" action="{visitor.base_url}/i18n/setlang/"><input type="submit"></form>'
    )
    # What the browser says of the refusal comes after it.
    with (
        page.expect_console_message(lambda message: "403" in message.text),
        page.expect_response("**/i18n/setlang/") as told,
    ):
        page.locator("input").click()
    assert told.value.request.header_value("sec-fetch-site") == "cross-site"
    assert told.value.status == 403
    visitor.complaints.clear()
