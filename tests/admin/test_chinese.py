"""Who chose Simplified Chinese reads no English on the pages but names, codes and data."""

from collections.abc import Iterator
from html.parser import HTMLParser

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from holo.identity.models import User
from orders import services
from orders.models import Order
from tests.admin.conftest import ClientOf, place_waiting, request_of
from tests.docs.catalogue import LOCALES, key_of, po_path, read_catalogue, translations_of
from tests.stories import PHONE, Shop, charge, hand_over, label

# Names of groups, which are data; some are the English of a role as well.
GROUPS = {"auditor", "operator", "viewer"}
# What stands on buttons and above columns in every language.
SAME = {"EN", "Id", "SKU"}
CODE = {"script", "style", "code"}
HEADINGS = {"thead", "label", "dt", "h1", "button"}


class TextNodes(HTMLParser):
    """What a page shows, piece by piece; codes in `code` are no words."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.headings: set[str] = set()
        self._within: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember where the next text stands; take what hovering shows."""
        if tag in {*CODE, *HEADINGS}:
            self._within.append(tag)
        self.found.update(text for name, text in attrs if name in {"title", "placeholder"} and text)

    def handle_endtag(self, tag: str) -> None:
        """Leave."""
        if self._within and self._within[-1] == tag:
            self._within.pop()

    def handle_data(self, data: str) -> None:
        """Take a text."""
        text = " ".join(data.split()).rstrip(":. ")
        if not CODE.intersection(self._within):
            self.found.add(text)
            if self._within:
                self.headings.add(text)


def english() -> dict[str, str]:
    """Return every English text, however its first letter is written, that is another one in Chinese."""
    found = {}
    for message in read_catalogue(po_path(LOCALES[0])):
        ((text, translation), *_) = translations_of(message)
        if message.id and text.casefold() != translation.casefold():
            found[key_of(message)[1].rstrip(":. ").casefold()] = text
    return found


def shown(client: Client, url: str) -> TextNodes:
    """Return a page that was found, as its texts."""
    answer = client.get(url)
    assert answer.status_code == 200, url
    assert answer["Content-Language"] == "zh-hans", url
    page = TextNodes()
    page.feed(answer.content.decode())
    return page


def pages_of_rows() -> Iterator[str]:
    """Yield each list of the admin, and the page of its newest row."""
    for model in admin.site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        yield reverse(f"{name}_changelist")
        newest = model._default_manager.order_by("-pk").first()
        if newest is not None:
            yield reverse(f"{name}_change", args=[newest.pk])


def pages_of_commands(order: Order, parked: Order) -> Iterator[str]:
    """Yield the pages on which commands are given, of an order that waits and one that is parked."""
    request = request_of(order)
    yield from (reverse(f"admin:orders_order_{name}", args=[parked.pk]) for name in ("cancel", "retry"))
    for name in ("approve", "reject"):
        yield reverse(f"admin:approvals_approvalrequest_{name}", args=[request.pk])
    yield reverse("admin:approvals_approvalrequest_change", args=[request.pk])
    for name in ("inventory_product", "inventory_warehouse", "apiauth_apikey"):
        yield reverse(f"admin:{name}_add")
    yield reverse("admin:inventory_stocklevel_receive")
    yield reverse("admin:inventory_product_edit", args=[order.lines.get().product_id])


@pytest.fixture
def reader(people: dict[str, User], client_of: ClientOf) -> Client:
    """Somebody who may see every page, and reads Chinese."""
    people["superuser"].groups.set(people["auditor"].groups.all())
    client = client_of(people["superuser"])
    client.post(reverse("set_language"), {"language": "zh-hans", "next": reverse("admin:index")})
    return client


def test_no_page_shows_english_that_has_a_translation(
    shop: Shop, waiting: Order, parked: Order, reader: Client
) -> None:
    completed = shop.place(PHONE)
    charge(shop.pay(completed))
    for shipment in completed.shipments.all():
        label(shipment.pk)
        hand_over(shipment.pk)
    services.cancel_order(actor=shop.seller_actor, order_id=place_waiting(shop).pk)
    urls = [
        *(reverse(name) for name in ("admin:index", "admin:password_change", "errors")),
        *pages_of_rows(),
        *pages_of_commands(waiting, parked),
        *(reverse("admin:orders_order_change", args=[order.pk]) for order in (waiting, parked, completed)),
    ]
    known = english()
    pages = {url: shown(reader, url) for url in urls}
    assert len(pages) > 40
    for url, page in pages.items():
        assert {text for text in page.found if text.casefold() in known} - GROUPS == set(), url
        assert {text for text in page.headings if text.isalpha() and text.isascii()} - SAME == set(), url


def test_login_and_pages_of_errors_are_in_chinese(shop: Shop) -> None:
    client = Client(headers={"Accept-Language": "zh-CN"})
    assert "登录 Holo" in client.get(reverse("admin:login")).content.decode()
    assert "这里什么也没有" in client.get("/nothing-here").content.decode()
