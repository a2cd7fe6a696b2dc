"""Auditors learn by mail that a decision waits: rows, outbox, Valkey, a real Celery worker."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from django.conf import settings
from django.core import mail
from django.utils import translation

from holo.approvals.models import ApprovalDecision, ApprovalRequest
from holo.approvals.services import decide
from holo.approvals.tasks import mail_auditors
from holo.outbox.delivery import load_handlers
from holo.outbox.relay import Relay
from holo.stack.valkey import ValkeyServer
from tests.live import eventually
from tests.stories import MAC, build_person, build_shop, reserve


@pytest.mark.django_db
def test_every_auditor_but_the_maker_is_told() -> None:
    shop = build_shop()
    other = build_person(shop.organization, "other", auditor=True)
    shop.seller.groups.set(shop.auditor.groups.all())
    order = shop.place(MAC)
    reserve(order)
    request = ApprovalRequest.objects.get(subject_id=order.pk)
    with translation.override("en"):
        assert mail_auditors(str(request.pk)) == 2
    assert {message.to[0] for message in mail.outbox} == {shop.auditor.email, other.email}
    assert order.number in mail.outbox[0].subject
    assert "order total: ¥20,000.00, limit ¥10,000.00" in mail.outbox[0].body


@pytest.mark.django_db
def test_decided_request_is_not_mailed_about() -> None:
    shop = build_shop()
    order = shop.place(MAC)
    reserve(order)
    request = ApprovalRequest.objects.get(subject_id=order.pk)
    decide(actor=shop.auditor_actor, request_id=request.pk, verdict=ApprovalDecision.Verdict.APPROVE)
    assert mail_auditors(str(request.pk)) == 0
    assert mail.outbox == []


def test_request_travels_by_outbox_and_celery(
    fresh_database: str, valkey: ValkeyServer, tmp_path: Path
) -> None:
    shop = build_shop()
    order = shop.place(MAC)
    reserve(order)
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
    relay = Relay(handlers=load_handlers(["holo.approvals.mail.handlers"]))
    thread = threading.Thread(target=relay.run)
    thread.start()
    try:
        eventually(lambda: list(tmp_path.iterdir()), within=30, what="a mail")
    finally:
        relay.stop()
        thread.join(60)
        worker.send_signal(signal.SIGTERM)
        worker.wait(60)
    (letter,) = tmp_path.iterdir()
    assert f"To: {shop.auditor.email}" in letter.read_text()
