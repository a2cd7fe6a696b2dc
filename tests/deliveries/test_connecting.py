"""Mail servers that are hard to reach, or that talk without end: one attempt stays within its limits."""

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.mail.utils import DNS_NAME

from holo.deliveries.models import Delivery
from tests.deliveries.smtp_server import dripping_server, smtp_server
from tests.deliveries.test_sending import add, kind, only, use
from tests.post import send_due

pytestmark = pytest.mark.django_db
__all__ = ["kind"]
State = Delivery.State
HOST = "mail.example"


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that no connection is accepted at, nor refused: as many wait there as may."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for client in waiting:
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]
        for client in waiting:
            client.close()


def resolve_to(monkeypatch: pytest.MonkeyPatch, *ports: int) -> None:
    """Let the mail server have one address for each of these ports."""
    real = socket.getaddrinfo

    def look_up(host: Any, port: Any, *arguments: Any, **options: Any) -> Any:
        if host != HOST:
            return real(host, port, *arguments, **options)
        return [one for port in ports for one in real("127.0.0.1", port, *arguments, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


@pytest.mark.parametrize("over_tls", [False, True])
def test_many_addresses_that_do_not_answer_share_the_time_of_one_attempt(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch, silent_port: int, over_tls: bool
) -> None:
    """With a limit for each, ten of them would outlast the task, which is killed then."""
    monkeypatch.setattr("holo.deliveries.smtp.OPERATION_SECONDS", 0.3)
    monkeypatch.setattr("holo.deliveries.smtp.ATTEMPT_SECONDS", 0.5)
    resolve_to(monkeypatch, *[silent_port] * 40)
    add("one@example.com")
    with smtp_server() as inbox:
        use(settings, inbox)
        settings.EMAIL_HOST, settings.EMAIL_USE_SSL = HOST, over_tls
        begun = time.monotonic()
        assert send_due() == 1
        assert time.monotonic() - begun < 5
    assert (only().state, inbox.connections) == (State.WAITING, 0)
    assert only().last_problem


def test_address_that_does_not_answer_is_followed_by_the_next(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch, silent_port: int
) -> None:
    monkeypatch.setattr("holo.deliveries.smtp.OPERATION_SECONDS", 0.3)
    add("one@example.com")
    with smtp_server() as inbox:
        resolve_to(monkeypatch, silent_port, inbox.port)
        use(settings, inbox)
        settings.EMAIL_HOST = HOST
        assert send_due() == 1
    assert (only().state, inbox.recipients()) == (State.DELIVERED, ["one@example.com"])


def test_server_that_talks_without_end_is_cut(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As fast as it can, for as long as an attempt may take, it would fill gigabytes."""
    monkeypatch.setattr("holo.deliveries.smtp._MOST_READ", 100_000)
    lines = (b"220-" + b"a" * 4000 + b"\r\n") * 20
    add("one@example.com")
    with dripping_server(lines) as inbox:
        use(settings, inbox)
        assert send_due() == 1
    assert only().state == State.WAITING
    assert "sent more than 100000 bytes" in only().last_problem


def test_what_is_no_reply_is_told_by_the_name_of_the_error(settings: LazySettings) -> None:
    add("one@example.com")
    with smtp_server(greeting=b"HTTP/1.1 400 Bad Request\r\n") as inbox:
        use(settings, inbox)
        assert send_due() == 1
    assert only().last_problem == "SMTPConnectError: /1.1 400 Bad Request"


def test_reply_is_kept_without_what_nobody_sees(settings: LazySettings) -> None:
    reply = "550 no \u202e\u200buser\x00 here\r\n".encode()
    add("one@example.com")
    with smtp_server(lambda line: reply if line.startswith("rcpt") else None) as inbox:
        use(settings, inbox)
        assert send_due() == 1
    assert (only().state, only().last_problem) == (State.REFUSED, "550 no user here")


@pytest.mark.parametrize("slow", ["getfqdn", "getaddrinfo"])
def test_look_up_that_does_not_end_holds_an_attempt_only_so_long(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch, slow: str
) -> None:
    """The resolver has no limit: a name server that is away takes half a minute for each name."""
    monkeypatch.setattr("holo.deliveries.smtp.OPERATION_SECONDS", 0.3)
    monkeypatch.delattr(DNS_NAME, "_fqdn", raising=False)
    released = threading.Event()
    real = getattr(socket, slow)

    def look_up(*arguments: Any, **options: Any) -> Any:
        released.wait(30)
        return real(*arguments, **options)

    add("one@example.com")
    with smtp_server() as inbox:
        use(settings, inbox)
        monkeypatch.setattr(socket, slow, look_up)
        begun = time.monotonic()
        assert send_due() == 1
        assert time.monotonic() - begun < 5
        released.set()
    assert (only().state, inbox.connections) == (State.WAITING, 0)
    assert only().last_problem.startswith("TimeoutError: the look-up of")


def test_mail_that_the_server_looks_at_for_a_while_is_sent_once(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Longer than any other reply may take: it would have been taken, and sent again and again."""
    monkeypatch.setattr("holo.deliveries.smtp.OPERATION_SECONDS", 0.3)

    def look(line: str) -> bytes | None:
        if line == ".":
            time.sleep(1)
        return None

    add("one@example.com")
    with smtp_server(look) as inbox:
        use(settings, inbox)
        assert send_due() == 1
    assert (only().state, inbox.recipients()) == (State.DELIVERED, ["one@example.com"])
