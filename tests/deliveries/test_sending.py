"""Deliveries against a real SMTP server: one attempt each, retried from the row, refused for one alone."""

import re
import smtplib
import ssl
import time
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_string
from email import policy as email_policy
from typing import Any

import pytest
from django.conf import LazySettings
from django.db.models.functions import Now

from holo.common.db import unit_of_work
from holo.common.ids import uuid7
from holo.deliveries import kinds, policy
from holo.deliveries.kinds import Item, Kind, Mail, Recipient, register_kind
from holo.deliveries.models import Delivery
from holo.deliveries.operations import add_deliveries, forget_recipient
from holo.deliveries.sending import attempt_next, send
from holo.deliveries.services import Outcome, claim_delivery, record_attempt
from holo.deliveries.smtp import BoundedEmailBackend
from holo.deliveries.tasks import purge_ended_deliveries
from tests.deliveries.smtp_server import Inbox, dripping_server, smtp_server
from tests.planting import plant
from tests.post import send_due

pytestmark = pytest.mark.django_db
State = Delivery.State
KIND = "tests.greeting"
WANTED = {"mail": True}


def compose(item: Item) -> Mail | None:
    """Write to the address of the row, as long as the test wants it."""
    return Mail(to=item.recipient.address, subject="Hello", body="World") if WANTED["mail"] else None


@pytest.fixture(autouse=True)
def kind() -> Iterator[None]:
    """A kind of the tests' own."""
    WANTED["mail"] = True
    register_kind(Kind(name=KIND, label="greeting", compose=compose))
    yield
    for name in (KIND, "tests.other"):
        kinds._KINDS.pop(name, None)


def use(settings: LazySettings, inbox: Inbox) -> None:
    settings.EMAIL_BACKEND = "holo.deliveries.smtp.BoundedEmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", inbox.port
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False


def add(*addresses: str) -> None:
    for address in addresses:
        unit_of_work(
            lambda address=address: add_deliveries(  # type: ignore[misc]
                kind=KIND, organization_id=uuid7(), recipients=[Recipient(address=address)], data={}
            )
        )


def only() -> Delivery:
    return Delivery.objects.get()


def make_due() -> None:
    Delivery.objects.filter(state=State.WAITING).update(available_at=Now())


def test_mail_is_delivered_once_and_its_address_removed(settings: LazySettings) -> None:
    add("one@example.com")
    with smtp_server() as inbox:
        use(settings, inbox)
        assert send_due() == 1
    row = only()
    assert inbox.recipients() == ["one@example.com"]
    assert (row.state, row.attempts, row.address, row.last_problem) == (State.DELIVERED, 1, "", "")
    assert f"Message-ID: <{row.pk}@example.com>" in inbox.taken[0][1]


def test_refused_recipient_neither_blocks_nor_repeats_the_others(settings: LazySettings) -> None:
    def reply(line: str) -> bytes | None:
        return b"550 5.1.1 <two@example.com>: no such user\r\n" if "two@" in line else None

    add("one@example.com", "two@example.com", "three@example.com")
    with smtp_server(reply) as inbox:
        use(settings, inbox)
        assert send_due() == 3
        make_due()
        assert send_due() == 0
    assert inbox.recipients() == ["one@example.com", "three@example.com"]
    refused = Delivery.objects.get(state=State.REFUSED)
    assert refused.address == "two@example.com"
    assert refused.last_problem == "550 5.1.1 [address]: no such user"


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(lambda line: b"451 later\r\n" if line.startswith("rcpt") else None, id="recipient 4xx"),
        pytest.param(lambda line: b"451 later\r\n" if line == "." else None, id="data 4xx"),
        pytest.param(lambda line: b"550 you\r\n" if line.startswith("mail") else None, id="sender 5xx"),
        pytest.param(lambda line: b"421 bye\r\n" if line.startswith("rcpt") else None, id="server closes"),
        pytest.param(lambda line: b"no code\r\n" if line.startswith("rcpt") else None, id="no reply code"),
        pytest.param(lambda line: b"600 odd\r\n" if line.startswith("rcpt") else None, id="unknown code"),
    ],
)
def test_what_may_pass_is_tried_again_later_from_the_row(settings: LazySettings, reply: Any) -> None:
    add("one@example.com")
    with smtp_server(reply) as inbox:
        use(settings, inbox)
        assert send_due() == 1
        row = only()
        assert (row.state, row.attempts, row.claimed_until) == (State.WAITING, 1, None)
        assert timedelta(seconds=55) < row.available_at - row.created_at < timedelta(minutes=2)
        assert row.last_problem
        assert send_due() == 0, "it is not due yet"
    with smtp_server() as inbox:
        use(settings, inbox)
        make_due()
        assert send_due() == 1
    assert (only().state, inbox.recipients()) == (State.DELIVERED, ["one@example.com"])


def offers(extension: bytes, challenge: bytes = b"") -> Any:
    """Return the replies of a server that offers one extension, with its challenge to a log-in."""

    def reply(line: str) -> bytes | None:
        if line.upper().startswith("EHLO"):
            return b"250-test\r\n250 " + extension + b"\r\n"
        return challenge if line.upper().startswith("AUTH") else None

    return reply


LOGIN = {"EMAIL_HOST_USER": "holo", "EMAIL_HOST_PASSWORD": "pass"}


@pytest.mark.parametrize(
    ("reply", "changes"),
    [
        pytest.param(offers(b"HELP"), {"EMAIL_USE_TLS": True}, id="no TLS"),
        pytest.param(offers(b"HELP"), LOGIN, id="no log-in"),
        pytest.param(offers(b"AUTH CRAM-MD5", b"334 !!!not base64=\r\n"), LOGIN, id="unreadable challenge"),
        pytest.param(offers(b"AUTH PLAIN"), LOGIN | {"EMAIL_HOST_PASSWORD": "pässwort"}, id="password"),
        pytest.param(None, {"EMAIL_HOST": "mail..example.com"}, id="empty label of host"),
        pytest.param(None, {"EMAIL_HOST": "a" * 70 + ".example.com"}, id="long label of host"),
        pytest.param(None, {"DEFAULT_FROM_EMAIL": "Holo <a@b@c>"}, id="sender"),
        pytest.param(None, {"DEFAULT_FROM_EMAIL": "a@" + "b" * 70 + ".com"}, id="long label of sender"),
    ],
)
def test_fault_of_the_installation_leaves_the_mail_waiting(
    settings: LazySettings, reply: Any, changes: dict[str, Any]
) -> None:
    """An administrator can mend it, and then the mail is sent; until then it is in nobody's way."""
    add("one@example.com")
    with smtp_server(reply or (lambda _line: None)) as inbox:
        use(settings, inbox)
        for name, value in changes.items():
            setattr(settings, name, value)
        assert send_due() == 1
    row = only()
    assert (row.state, row.attempts, row.claimed_until) == (State.WAITING, 1, None)
    assert row.last_problem
    assert "@" not in row.last_problem


def test_endless_reply_is_read_once(settings: LazySettings) -> None:
    """Read once for each of its characters, it would take longer than Celery lets a task run."""
    lines = (b"550-" + b"a" * 4000 + b"\r\n") * 2000 + b"550 one@example.com\r\n"
    add("one@example.com")
    with smtp_server(lambda line: lines if line.startswith("rcpt") else None) as inbox:
        use(settings, inbox)
        assert send_due() == 1
    assert (only().state, only().last_problem[:5]) == (State.REFUSED, "550 a")


def test_attempts_that_die_stand_behind_the_others_and_end(settings: LazySettings) -> None:
    add("dies@example.com", "next@example.com")
    with smtp_server() as inbox:
        use(settings, inbox)
        for attempt in range(1, policy.MAX_ATTEMPTS + 1):
            first = Now() - timedelta(hours=1)
            Delivery.objects.filter(address="dies@example.com").update(available_at=first)
            died = claim_delivery()
            assert died is not None
            assert died.attempt == attempt
            Delivery.objects.update(claimed_until=None)
            assert send_due() == (attempt == 1), "the other one is next, and this one waits for its time"
        make_due()
        assert send_due() == 1
        assert inbox.recipients() == ["next@example.com"]
    row = Delivery.objects.get(address="dies@example.com")
    assert (row.state, row.last_problem) == (State.GIVEN_UP, "the last attempt did not come to its end")


def test_content_refused_for_good_is_not_sent_again(settings: LazySettings) -> None:
    add("one@example.com")
    with smtp_server(lambda line: b"554 spam\r\n" if line == "." else None) as inbox:
        use(settings, inbox)
        assert send_due() == 1
    assert (only().state, only().last_problem) == (State.REFUSED, "554 spam")


def test_server_that_is_away_for_a_day_ends_in_given_up(settings: LazySettings) -> None:
    add("one@example.com")
    with smtp_server() as inbox:
        pass
    use(settings, inbox)
    for attempt in range(1, policy.MAX_ATTEMPTS + 1):
        assert only().state == State.WAITING
        make_due()
        assert send_due() == 1
        assert only().attempts == attempt
    row = only()
    assert (row.state, row.address) == (State.GIVEN_UP, "one@example.com")
    assert "Connection refused" in row.last_problem


def test_what_is_no_longer_needed_is_not_sent(settings: LazySettings) -> None:
    add("one@example.com")
    WANTED["mail"] = False
    with smtp_server() as inbox:
        use(settings, inbox)
        assert send_due() == 1
    assert (only().state, only().address, inbox.connections) == (State.WITHDRAWN, "", 0)


def test_address_that_is_none_is_refused_before_any_server_is_asked(settings: LazySettings) -> None:
    outcome = send(
        Mail(to="a@example.com\r\nBcc: b@example.com", subject="x", body="y"), message_id="<1@example.com>"
    )
    assert outcome.state == State.REFUSED


@pytest.mark.parametrize(
    "name", ["=?utf-8?b?4oCu?=", "=?utf-8?q?a?=" * 30, "a =?x?= ü", "plain =? and ?=", "Zoë " * 30, "A\r\nB"]
)
def test_subject_is_read_as_it_was_written(settings: LazySettings, name: str) -> None:
    """An encoded word in a name would be decoded, with whatever characters it stands for."""
    with smtp_server() as inbox:
        use(settings, inbox)
        send(Mail(to="one@example.com", subject=f"Join {name}", body="x"), message_id="<1@example.com>")
    ((_recipient, text),) = inbox.taken
    read = message_from_string(text.replace("\r\n", "\n"), policy=email_policy.default)["Subject"]
    assert " ".join(read.split()) == " ".join(f"Join {name}".split())


@pytest.mark.parametrize("greeting", [b"", b"2", b"220-hello\r\n"])
def test_server_that_is_silent_holds_an_attempt_only_so_long(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch, greeting: bytes
) -> None:
    monkeypatch.setattr("holo.deliveries.smtp.OPERATION_SECONDS", 0.3)
    add("one@example.com")
    with smtp_server(lambda _line: b"", greeting=greeting) as inbox:
        use(settings, inbox)
        begun = time.monotonic()
        assert send_due() == 1
        assert time.monotonic() - begun < 5
    assert only().state == State.WAITING
    assert inbox.connections == 1


@pytest.mark.parametrize("piece", [b"2", b"220-x\r\n"])
def test_server_that_drips_holds_an_attempt_only_so_long(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch, piece: bytes
) -> None:
    """Each byte comes in time for a limit on reads: it is the limit on the whole that ends it."""
    monkeypatch.setattr("holo.deliveries.smtp.ATTEMPT_SECONDS", 0.5)
    add("one@example.com")
    with dripping_server(piece) as inbox:
        use(settings, inbox)
        begun = time.monotonic()
        assert send_due() == 1
        assert time.monotonic() - begun < 5
        assert inbox.connections == 1
    assert only().state == State.WAITING
    assert re.search("longer than|timed out", only().last_problem)


def test_server_that_drips_in_tls_is_cut_too(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holo.deliveries.smtp.OPERATION_SECONDS", 0.5)
    add("one@example.com")
    with dripping_server(b"\x16") as inbox:
        use(settings, inbox)
        settings.EMAIL_USE_SSL = True
        begun = time.monotonic()
        assert send_due() == 1
        assert time.monotonic() - begun < 5
    assert only().state == State.WAITING


def test_mail_that_was_taken_is_delivered_although_the_goodbye_fails(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("holo.deliveries.smtp.OPERATION_SECONDS", 0.3)
    add("one@example.com")
    with smtp_server(lambda line: b"" if line.upper() == "QUIT" else None) as inbox:
        use(settings, inbox)
        assert send_due() == 1
    assert (only().state, len(inbox.taken)) == (State.DELIVERED, 1)


def test_limits_fit_into_each_other() -> None:
    limits = [policy.OPERATION_SECONDS, policy.ATTEMPT_SECONDS, policy.TASK_SECONDS]
    assert sorted(limits) == limits
    assert policy.CLAIM.total_seconds() > policy.TASK_SECONDS


def test_attempt_of_a_killed_process_counts_and_another_follows(settings: LazySettings) -> None:
    add("one@example.com")
    first = claim_delivery()
    assert first is not None
    assert attempt_next() is False
    Delivery.objects.update(claimed_until=Now() - timedelta(seconds=1), available_at=Now())
    second = claim_delivery()
    assert second is not None
    assert second.attempt == 2
    record_attempt(item=first, outcome=Outcome(state=State.WAITING, problem="late"))
    assert (only().last_problem, only().claimed_until is not None) == ("", True), "the claim is another's"
    record_attempt(item=first, outcome=Outcome(state=State.DELIVERED))
    assert only().state == State.DELIVERED
    record_attempt(item=second, outcome=Outcome(state=State.REFUSED, problem="550"))
    assert only().state == State.DELIVERED


def test_fault_of_one_kind_holds_up_no_other(settings: LazySettings) -> None:
    def broken(_item: Item) -> Mail | None:
        raise RuntimeError("with a secret")

    register_kind(Kind(name=KIND, label="greeting", compose=broken))
    add("one@example.com")
    register_kind(Kind(name="tests.other", label="other", compose=compose))
    unit_of_work(
        lambda: add_deliveries(
            kind="tests.other",
            organization_id=uuid7(),
            recipients=[Recipient(address="two@example.com")],
            data={},
        )
    )
    assert send_due() == 2
    assert Delivery.objects.get(kind="tests.other").state == State.DELIVERED
    row = Delivery.objects.get(kind=KIND)
    assert (row.state, "secret" in row.last_problem) == (State.WAITING, False)


def test_address_of_an_erased_person_is_in_no_row() -> None:
    add("Gone@Example.com", "gone@example.com", "stays@example.com", "before@example.com", "")
    person_id = uuid7()
    plant(Delivery.objects.filter(address__in=["before@example.com", ""]), recipient_id=person_id)
    Delivery.objects.filter(address="Gone@Example.com").update(state=State.REFUSED, ended_at=Now())
    unit_of_work(lambda: forget_recipient(person_id=person_id, addresses=["gone@example.com"]))
    assert sorted(Delivery.objects.values_list("address", "state")) == [
        ("", State.REFUSED),
        ("", State.WAITING),
        ("", State.WITHDRAWN),
        ("", State.WITHDRAWN),
        ("stays@example.com", State.WAITING),
    ]


def test_old_rows_are_deleted_and_failures_are_kept_longer() -> None:
    add(*(f"{number}@example.com" for number in range(5)))
    ages = {
        State.DELIVERED: policy.DELIVERED_KEPT_FOR,
        State.WITHDRAWN: policy.DELIVERED_KEPT_FOR,
        State.REFUSED: policy.DELIVERED_KEPT_FOR,
        State.GIVEN_UP: policy.FAILED_KEPT_FOR,
    }
    for row, (state, age) in zip(Delivery.objects.all(), ages.items(), strict=False):
        Delivery.objects.filter(pk=row.pk).update(state=state, ended_at=Now() - age - timedelta(minutes=1))
    assert purge_ended_deliveries() == 3
    assert set(Delivery.objects.values_list("state", flat=True)) == {State.WAITING, State.REFUSED}


def test_backend_offers_tls_from_the_first_byte_or_later() -> None:
    assert issubclass(BoundedEmailBackend(use_ssl=True).connection_class.func, smtplib.SMTP_SSL)
    plain = BoundedEmailBackend(use_tls=True)
    assert not issubclass(plain.connection_class.func, smtplib.SMTP_SSL)
    assert plain.ssl_context.verify_mode == ssl.CERT_REQUIRED
