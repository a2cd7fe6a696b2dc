"""Auditors learn by mail that a decision waits: rows, outbox, Valkey, a real Celery worker."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import LazySettings, settings
from django.test import Client
from django.utils import translation

from holo.approvals.events import APPROVAL_REQUESTED
from holo.approvals.models import ApprovalDecision, ApprovalRequest
from holo.approvals.services import decide
from holo.deliveries.models import Delivery
from holo.identity.models import User
from holo.outbox.delivery import load_handlers
from holo.outbox.relay import Relay
from holo.stack.valkey import ValkeyServer
from inventory.models import Product
from orders.services import cancel_order
from tests.live import eventually
from tests.logins import log_in
from tests.post import plan_mail, send_mail
from tests.stories import MAC, PHONE, Shop, build_person, build_shop


def ask(shop: Shop, buyer: str = "") -> ApprovalRequest:
    """Place an order that a person must decide; return its request."""
    order = shop.place(MAC, PHONE, quantity=2, buyer=buyer)
    return ApprovalRequest.objects.get(subject_id=order.pk)


@pytest.mark.django_db
def test_every_auditor_but_the_maker_is_told() -> None:
    shop = build_shop()
    other = build_person(shop.organization, "other", auditor=True)
    shop.seller.groups.set(shop.auditor.groups.all())
    ask(shop)
    assert {message.to[0] for message in send_mail()} == {shop.auditor.email, other.email}
    assert send_mail() == [], "a message that comes twice is mailed about once"


@pytest.mark.django_db
def test_mail_has_the_link_and_what_is_decided_about(settings: LazySettings) -> None:
    settings.PUBLIC_URL = "https://holo.example"
    shop = build_shop()
    request = ask(shop, buyer="wang-fang")
    (sent,) = send_mail()
    assert sent.subject == f"Decision needed: {request.subject_label}"
    for shown in (
        f"https://holo.example/admin/approvals/approvalrequest/{request.pk}/change/\n",
        "order total: ¥41,000.00, limit ¥10,000.00",
        "Buyer: wang-fang",
        f"Placed by: {shop.seller.email}",
        "Amount: ¥41,000.00",
        "- 2 × MacPro: ¥40,000.00",
        "- 2 × iPhone15: ¥1,000.00",
        f"until {request.deadline:%Y-%m-%d %H:%M} UTC (",
    ):
        assert shown in sent.body


@pytest.mark.django_db
def test_link_leads_the_auditor_to_the_request() -> None:
    shop = build_shop()
    request = ask(shop)
    (sent,) = send_mail()
    client = Client()
    log_in(client, shop.auditor)
    (address,) = re.findall(r"https?://\S+", str(sent.body))
    page = client.get(address.removeprefix(settings.PUBLIC_URL))
    assert page.status_code == 200
    assert request.subject_label in page.content.decode()


@pytest.mark.django_db
def test_mail_is_in_the_readers_language_whatever_process_sends_it() -> None:
    shop = build_shop()
    User.objects.filter(pk=shop.auditor.pk).update(language="zh-hans")
    build_person(shop.organization, "other", auditor=True)
    ask(shop)
    with translation.override("de"):
        mails = {sent.to[0]: f"{sent.subject}\n{sent.body}" for sent in send_mail()}
    chinese = mails.pop(shop.auditor.email)
    for shown in (
        "需要决定：",
        "等待您的决定，截止时间",
        "UTC（剩余",
        "订单总额：",
        "买家：未提供",
        "金额：¥",
        "查看",
    ):
        assert shown in chinese
    assert "Decision needed" in mails.popitem()[1]


@pytest.mark.django_db
def test_long_order_is_mailed_in_part_and_a_name_adds_no_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orders.admin.subject._MAILED_LINES", 1)
    shop = build_shop()
    Product.objects.filter(pk=shop.products[MAC].pk).update(name="A\nBuyer: somebody else")
    ask(shop)
    (sent,) = send_mail()
    assert "- 2 × MacPro A Buyer: somebody else: ¥40,000.00\n- and 1 more line\n" in sent.body


def _decided(shop: Shop, request: ApprovalRequest) -> None:
    decide(
        actor=shop.auditor_actor,
        request_id=request.pk,
        verdict=ApprovalDecision.Verdict.APPROVE,
        reason="as agreed by phone",
    )


def _cancelled(shop: Shop, request: ApprovalRequest) -> None:
    cancel_order(actor=shop.seller_actor, order_id=request.subject_id)


def _no_auditor_any_more(shop: Shop, _request: ApprovalRequest) -> None:
    shop.auditor.groups.clear()


def _gone(shop: Shop, _request: ApprovalRequest) -> None:
    User.objects.filter(pk=shop.auditor.pk).update(is_active=False)


@pytest.mark.django_db
@pytest.mark.parametrize("event", [_decided, _cancelled, _no_auditor_any_more, _gone])
def test_nothing_is_mailed_about_what_has_ended_since_it_was_planned(
    event: Callable[[Shop, ApprovalRequest], None],
) -> None:
    shop = build_shop()
    request = ask(shop)
    assert plan_mail() == 1
    event(shop, request)
    assert send_mail() == []
    row = Delivery.objects.get()
    assert (row.state, row.recipient_id) == (Delivery.State.WITHDRAWN, shop.auditor.pk)


@pytest.mark.django_db
def test_nothing_is_mailed_after_the_deadline(settings: LazySettings) -> None:
    settings.ORDER_APPROVAL_DEADLINE = timedelta(seconds=-1)
    shop = build_shop()
    assert ask(shop).state == ApprovalRequest.State.OPEN, "nobody has expired it yet"
    assert send_mail() == []


def test_request_travels_by_outbox_and_celery(
    fresh_database: str, valkey: ValkeyServer, tmp_path: Path
) -> None:
    shop = build_shop()
    other = build_person(shop.organization, "other", auditor=True)
    ask(shop)
    environment = {
        **os.environ,
        "EMAIL_URL": f"filemail:///{tmp_path}",
        "DJANGO_SETTINGS_MODULE": "holo.settings",
        "PYTHONWARNINGS": "ignore",
    }
    worker = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "holo", "worker", "--pool=solo", "--loglevel=warning"],
        cwd=settings.BASE_DIR,
        env=environment,
    )
    relay = Relay(handlers={APPROVAL_REQUESTED: load_handlers()[APPROVAL_REQUESTED]})
    thread = threading.Thread(target=relay.run)
    thread.start()
    try:
        delivered = Delivery.objects.filter(state=Delivery.State.DELIVERED)
        eventually(lambda: delivered.count() == 2, within=60, what="the second mail")
    finally:
        relay.stop()
        thread.join(60)
        worker.send_signal(signal.SIGTERM)
        worker.wait(60)
    sent = "".join(path.read_text() for path in tmp_path.iterdir())
    assert sorted(re.findall(r"^To: (\S+)$", sent, re.MULTILINE)) == sorted([shop.auditor.email, other.email])
