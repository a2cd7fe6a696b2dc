"""Guessing is limited, all ways to fail look alike, and nobody keeps anybody else out."""

import re
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.backends import ModelBackend
from django.db.models import F
from django.test import Client

from holo.audit.models import AuditEvent
from holo.identity.models import User
from holo.staff import limits
from holo.staff.limits import Attempt
from holo.staff.models import LoginLimit
from holo.staff.services import logins
from tests.api.people import PASSWORD, build_person
from tests.logins import enrol
from tests.racing import race

pytestmark = pytest.mark.usefixtures("fresh_database")
LOGIN, CODE = "/admin/login/", "/admin/login/code/"
_EPOCH = "1970-01-01T00:00Z"
HERE, ELSEWHERE = "203.0.113.7", "198.51.100.9"


@pytest.fixture
def person() -> User:
    return build_person(organization=None, superuser=True)


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The e-mail addresses whose passwords were looked at."""
    seen: list[str] = []
    real = ModelBackend.authenticate

    def looking(self: ModelBackend, request: Any, **given: Any) -> Any:
        seen.append(given["username"])
        return real(self, request, **given)

    monkeypatch.setattr(ModelBackend, "authenticate", looking)
    return seen


def attempt(email: str, password: str, address: str = HERE) -> Any:
    return Client(REMOTE_ADDR=address).post(LOGIN, {"username": email, "password": password})


def fail(email: str, times: int, address: str = HERE) -> None:
    for _ in range(times):
        assert attempt(email, "wrong", address).status_code == 200


def pass_time(seconds: float) -> None:
    """Let all counts have been made so many seconds ago."""
    gone = timedelta(seconds=seconds)
    LoginLimit.objects.update(blocked_until=F("blocked_until") - gone, seen_at=F("seen_at") - gone)


def test_right_password_is_refused_after_too_many_wrong_ones(person: User, checked: list[str]) -> None:
    enrol(person)
    fail(person.email, 5)
    assert attempt(person.email, PASSWORD).status_code == 200
    assert len(checked) == 5
    assert AuditEvent.objects.filter(action="staff.login_failed", subject_id=person.pk).count() == 5
    assert AuditEvent.objects.filter(action="staff.login_blocked", subject_id=person.pk).count() == 1


@pytest.mark.parametrize("letter", ["\u0131", "\u0130", "I"])
def test_other_spellings_of_an_address_are_no_other_tries(
    person: User, checked: list[str], letter: str
) -> None:
    """Letters that some comparison takes for an `i`: each leads to this person's count, or to nobody."""
    User.objects.filter(pk=person.pk).update(email="admin@example.com")
    fail("admin@example.com", 5)
    looked_at = len(checked)
    answer = attempt(f"adm{letter}n@example.com", PASSWORD)
    assert answer.status_code == 200, "in by another spelling"
    assert User.objects.called(f"adm{letter}n@example.com").count() <= 1
    if User.objects.called(f"adm{letter}n@example.com").exists():
        assert len(checked) == looked_at


def test_person_gets_in_from_elsewhere_meanwhile(person: User) -> None:
    device = enrol(person)
    fail(person.email, 20)
    client = Client(REMOTE_ADDR=ELSEWHERE)
    assert client.post(LOGIN, {"username": person.email, "password": PASSWORD})["Location"] == CODE
    client.post(CODE, {"code": device.code()})
    assert client.get("/admin/").status_code == 200


def test_others_get_in_from_the_same_address(person: User) -> None:
    enrol(person)
    fail("somebody.else@example.com", 5)
    assert attempt(person.email, PASSWORD).status_code == 302


def test_many_addresses_of_e_mail_are_limited_together(person: User, checked: list[str]) -> None:
    for number in range(60):
        attempt(f"guess-{number}@example.com", "wrong")
    assert len(checked) == 50
    assert attempt(person.email, PASSWORD).status_code == 200
    assert attempt(person.email, PASSWORD, ELSEWHERE).status_code == 302


def test_waits_end_and_grow(person: User, checked: list[str], settings: LazySettings) -> None:
    enrol(person)
    for waits in (60, 120, 240):
        fail(person.email, 6)
        pass_time(waits - 5)
        assert attempt(person.email, PASSWORD).status_code == 200
        pass_time(10)
    assert len(checked) == 15
    assert attempt(person.email, PASSWORD).status_code == 302


def test_attempts_while_one_waits_prolong_nothing(person: User) -> None:
    enrol(person)
    fail(person.email, 5)
    before = LoginLimit.objects.order_by("key").values_list("key", "blocked_until")[1]
    fail(person.email, 20)
    assert LoginLimit.objects.order_by("key").values_list("key", "blocked_until")[1] == before


def test_attempts_are_forgotten_after_an_hour_and_no_sooner(person: User, checked: list[str]) -> None:
    enrol(person)
    fail(person.email, 4)
    pass_time(3590)
    fail(person.email, 2)
    assert len(checked) == 5
    pass_time(3600 + 61)
    fail(person.email, 4)
    assert attempt(person.email, PASSWORD).status_code == 302


def test_waits_begin_anew_after_a_calm_day(person: User, checked: list[str]) -> None:
    enrol(person)
    for _ in range(3):
        fail(person.email, 5)
        pass_time(400)
    pass_time(24 * 3600)
    fail(person.email, 5)
    pass_time(61)
    assert attempt(person.email, PASSWORD).status_code == 302


def test_busy_address_waits_no_longer_than_once_an_hour(person: User, settings: LazySettings) -> None:
    settings.LOGIN_ATTEMPTS = 2
    for round_ in range(3):
        for number in range(20):
            attempt(f"guess-{round_}-{number}@example.com", "wrong")
        assert attempt(person.email, PASSWORD).status_code == 200
        pass_time(61)
        assert attempt(person.email, PASSWORD).status_code == 302
        pass_time(3601)


def test_wrong_codes_count_and_a_right_password_does_not_forgive_them(person: User) -> None:
    device = enrol(person)
    for _ in range(5):
        client = Client(REMOTE_ADDR=HERE)
        assert client.post(LOGIN, {"username": person.email, "password": PASSWORD}).status_code == 302
        client.post(CODE, {"code": "abcd-efgh-jkmn-pqrs"})
    assert attempt(person.email, PASSWORD).status_code == 200
    assert client.post(CODE, {"code": device.code()}).status_code == 200
    assert client.get("/admin/").status_code == 302


def test_logging_in_with_both_factors_forgets_the_attempts(person: User) -> None:
    device = enrol(person)
    fail(person.email, 4)
    client = Client(REMOTE_ADDR=HERE)
    client.post(LOGIN, {"username": person.email, "password": PASSWORD})
    client.post(CODE, {"code": device.code()})
    assert client.get("/admin/").status_code == 200
    fail(person.email, 4)
    assert attempt(person.email, PASSWORD).status_code == 302


def test_every_way_to_fail_looks_the_same(person: User) -> None:
    inactive, blocked = (build_person(organization=None, superuser=True) for _ in range(2))
    customer = build_person(organization=None)
    User.objects.filter(pk=inactive.pk).update(is_active=False)
    fail(blocked.email, 5, ELSEWHERE)
    answers = {
        "wrong": attempt(person.email, "wrong", ELSEWHERE),
        "unknown": attempt("nobody@example.com", PASSWORD, ELSEWHERE),
        "inactive": attempt(inactive.email, PASSWORD, ELSEWHERE),
        "blocked": attempt(blocked.email, PASSWORD, ELSEWHERE),
        "no staff": attempt(customer.email, PASSWORD, ELSEWHERE),
    }
    assert {answer.status_code for answer in answers.values()} == {200}
    bodies = {name: _without_what_was_typed(answer) for name, answer in answers.items()}
    assert len(set(bodies.values())) == 1, bodies


def _without_what_was_typed(answer: Any) -> str:
    text = answer.content.decode()
    text = re.sub(r'value="[^"]*@example\.com"', "", text)
    return re.sub(r'name="csrfmiddlewaretoken" value="[^"]+"', "", text)


def test_every_way_to_fail_costs_one_hash(person: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashing is what takes time; with the counts of the rest nobody can tell one from another."""
    from django.contrib.auth.hashers import MD5PasswordHasher

    hashed: list[str] = []
    real: Callable[..., str] = MD5PasswordHasher.encode

    def counting(self: MD5PasswordHasher, password: str, salt: str) -> str:
        hashed.append(password)
        return real(self, password, salt)

    inactive = build_person(organization=None, superuser=True)
    User.objects.filter(pk=inactive.pk).update(is_active=False)
    blocked = build_person(organization=None, superuser=True)
    fail(blocked.email, 5)
    monkeypatch.setattr(MD5PasswordHasher, "encode", counting)
    for email in (person.email, "nobody@example.com", inactive.email, blocked.email):
        hashed.clear()
        attempt(email, "wrong")
        assert hashed == ["wrong"], email


def storm(person: User) -> int:
    """Send 50 wrong passwords at the same instant; return how many answers there were."""
    outcomes = race([lambda: attempt(person.email, "wrong") for _ in range(50)])
    return sum(getattr(outcome, "status_code", 0) == 200 for outcome in outcomes)


def test_control_counting_by_looking_first_lets_the_storm_through(
    person: User, checked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def look_then_write(email: str, address: str) -> Attempt:
        known = LoginLimit.objects.filter(key=email).values_list("attempts", flat=True).first() or 0
        storming.wait(60)
        LoginLimit.objects.bulk_create(
            [LoginLimit(key=email, attempts=1, blocked_until=_EPOCH, seen_at=_EPOCH)],
            ignore_conflicts=True,
        )
        return Attempt(allowed=known < 5, pair=email, crowd="-", filled=())

    storming = threading.Barrier(50)
    monkeypatch.setattr(logins, "count_attempt", look_then_write)
    storm(person)
    assert len(checked) > 5


def test_storm_of_wrong_passwords_gets_no_more_than_the_limit_looked_at(
    person: User, checked: list[str]
) -> None:
    assert storm(person) == 50
    assert len(checked) == 5
    assert AuditEvent.objects.filter(action="staff.login_failed").count() == 5


def test_storm_of_wrong_codes_is_limited_too(person: User) -> None:
    enrol(person)
    clients = [Client(REMOTE_ADDR=HERE) for _ in range(20)]
    for client in clients:
        assert client.post(LOGIN, {"username": person.email, "password": PASSWORD}).status_code == 302
    race([lambda client=client: client.post(CODE, {"code": "abcd-efgh"}) for client in clients])  # type: ignore[misc]
    assert AuditEvent.objects.filter(action="staff.second_factor_refused").count() <= 5


def test_nothing_that_was_typed_is_kept(person: User) -> None:
    fail("my-password-by-mistake", 6)
    kept = str([*AuditEvent.objects.values(), *LoginLimit.objects.values()])
    assert "my-password" not in kept
    assert HERE not in kept


def test_forwarded_address_counts_only_behind_own_proxies(
    person: User, checked: list[str], settings: LazySettings
) -> None:
    for number in range(10):
        client = Client(REMOTE_ADDR=HERE, headers={"X-Forwarded-For": f"192.0.2.{number}"})
        client.post(LOGIN, {"username": person.email, "password": "wrong"})
    assert len(checked) == 5
    settings.PROXY_HOPS = 1
    for number in range(10):
        client = Client(REMOTE_ADDR=HERE, headers={"X-Forwarded-For": f"6.6.6.6, 192.0.2.{number}"})
        client.post(LOGIN, {"username": person.email, "password": "wrong"})
    assert len(checked) == 15


def test_limits_are_the_settings(person: User, checked: list[str], settings: LazySettings) -> None:
    settings.LOGIN_ATTEMPTS = 2
    fail(person.email, 4)
    assert len(checked) == 2
    assert limits._SHARED_BY * settings.LOGIN_ATTEMPTS == 20
