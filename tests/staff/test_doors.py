"""The way in: password, then code; enrolment, recovery codes, and what leads nowhere."""

import os
import re
import subprocess
import sys
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.urls import reverse

from holo.audit.models import AuditEvent
from holo.identity.models import User
from holo.secretstore.models import Secret, SecretVersion
from holo.staff.codes import STEP, code_at, match_code, new_secret
from holo.staff.models import RecoveryCode, SecondFactor, StaffSession
from holo.staff.services import (
    begin_enrolment,
    confirm_enrolment,
    enrol_demo_person,
    read_enrolment_secret,
)
from tests.api.people import PASSWORD, build_person
from tests.logins import Device, enrol
from tests.racing import race

pytestmark = pytest.mark.usefixtures("fresh_database")
INDEX, LOGIN = "/admin/", "/admin/login/"
CODE, DEVICE, NEW_CODES = "/admin/login/code/", "/admin/login/device/", "/admin/account/codes/"


@pytest.fixture
def person() -> User:
    return build_person(organization=None, superuser=True)


def show_password(client: Client, person: User, *, password: str = PASSWORD, to: str = INDEX) -> Any:
    return client.post(f"{LOGIN}?next={to}", {"username": person.email, "password": password, "next": to})


def is_in(client: Client) -> bool:
    return bool(client.get(INDEX).status_code == 200)


def test_password_alone_opens_no_page(person: User) -> None:
    enrol(person)
    client = Client()
    answer = show_password(client, person)
    assert answer["Location"] == CODE
    pages = [reverse(name) for name in ("admin:index", "admin:account", "admin:identity_user_changelist")]
    for page in pages:
        assert client.get(page)["Location"].startswith(LOGIN), page
    assert client.get("/api/v1/whoami").status_code == 401
    assert "_auth_user_id" not in client.session


def test_code_after_the_password_leads_where_one_wanted_to_go(person: User) -> None:
    device, client = enrol(person), Client()
    show_password(client, person, to=reverse("admin:identity_user_changelist"))
    before = client.session.session_key
    answer = client.post(CODE, {"code": device.code()})
    assert answer["Location"] == reverse("admin:identity_user_changelist")
    assert is_in(client)
    assert client.session.session_key != before
    assert StaffSession.objects.get().user == person


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_log_in_leads_to_no_other_host(person: User, elsewhere: str) -> None:
    device, client = enrol(person), Client()
    client.post(f"{LOGIN}?next={elsewhere}", {"username": person.email, "password": PASSWORD})
    assert client.post(CODE, {"code": device.code()})["Location"] == INDEX


def test_code_works_once(person: User) -> None:
    device = enrol(person)
    code = device.code()
    first, second = Client(), Client()
    for client in (first, second):
        show_password(client, person)
        client.post(CODE, {"code": code})
    assert (is_in(first), is_in(second)) == (True, False)


def test_code_of_long_ago_and_a_wrong_one_are_refused_alike(person: User) -> None:
    device, client = enrol(person), Client()
    show_password(client, person)
    answers = [
        client.post(CODE, {"code": code})
        for code in (code_at(device.secret, time.time() - 10 * STEP), "12345", "abcdefghijkmnpqr")
    ]
    assert {answer.status_code for answer in answers} == {200}
    assert all("The code is wrong or was used before" in answer.content.decode() for answer in answers)
    assert not is_in(client)
    assert AuditEvent.objects.filter(action="staff.second_factor_refused").count() == 3


def test_code_without_the_password_leads_back(person: User) -> None:
    device, client = enrol(person), Client()
    assert client.post(CODE, {"code": device.code()})["Location"] == LOGIN
    assert client.get(DEVICE)["Location"] == LOGIN


@pytest.mark.parametrize("change", [{"is_active": False}, {"is_staff": False}, {"password": "!"}])
def test_half_way_ends_with_the_right_to_it(person: User, change: dict[str, Any]) -> None:
    # Another superuser, so that this one may lose the right.
    User.objects.create_superuser("spare@example.com", PASSWORD)
    device, client = enrol(person), Client()
    show_password(client, person)
    User.objects.filter(pk=person.pk).update(**change)
    assert client.post(CODE, {"code": device.code()})["Location"] == LOGIN
    assert not is_in(client)


def enrolled(client: Client, person: User) -> tuple[Device, list[str]]:
    assert show_password(client, person)["Location"] == DEVICE
    page = client.get(DEVICE)
    assert "no-store" in page["Cache-Control"]
    text = page.content.decode()
    assert "<svg" in text
    found = re.search(r'id="secret"[^>]*>([A-Z2-7 ]+)<', text)
    assert found is not None
    device = Device(found[1].replace(" ", ""))
    answer = client.post(DEVICE, {"code": device.code()}, follow=True)
    assert "no-store" in answer["Cache-Control"]
    codes = re.findall(r"<li><code>([a-z0-9-]+)</code></li>", answer.content.decode())
    assert len(set(codes)) == 10
    return device, codes


def test_first_log_in_sees_nothing_before_a_device_is_enrolled(person: User) -> None:
    client = Client()
    show_password(client, person)
    assert client.get(INDEX)["Location"].startswith(LOGIN)
    assert client.post(DEVICE, {"code": "000000"}).status_code == 200
    assert not is_in(client)
    client = Client()
    enrolled(client, person)
    assert is_in(client)
    assert show_password(Client(), person)["Location"] == CODE


def test_secrets_and_recovery_codes_are_nowhere_as_text(person: User) -> None:
    device, codes = enrolled(Client(), person)
    kept = "".join(
        str(row)
        for model in (SecondFactor, RecoveryCode, Secret, SecretVersion, AuditEvent)
        for row in model._default_manager.values()
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(encode(ciphertext, 'escape'), '') FROM secretstore_secretversion")
        kept += str(cursor.fetchone())
    assert device.secret not in kept
    assert not [code for code in codes if code in kept or code.replace("-", "") in kept]


def test_recovery_code_works_once_however_it_is_typed(person: User) -> None:
    _device, codes = enrolled(Client(), person)
    first, second = Client(), Client()
    for client in (first, second):
        show_password(client, person)
        client.post(CODE, {"code": f" {codes[0].upper().replace('-', ' ')} "})
    assert (is_in(first), is_in(second)) == (True, False)
    assert RecoveryCode.objects.filter(used_at__isnull=True).count() == 9


def test_new_recovery_codes_replace_the_old(person: User) -> None:
    client = Client()
    _device, codes = enrolled(client, person)
    asked = client.get(NEW_CODES)
    assert "10 recovery codes are left" in asked.content.decode()
    answer = client.post(NEW_CODES)
    page = client.get(answer["Location"])
    assert "no-store" in page["Cache-Control"]
    fresh = re.findall(r"<li><code>([a-z0-9-]+)</code></li>", page.content.decode())
    assert (len(fresh), set(fresh).isdisjoint(codes)) == (10, True)
    # Reloading shows and makes none.
    assert fresh[0] not in client.get(answer["Location"]).content.decode()
    assert fresh[0] not in "".join(str(row.get_decoded()) for row in Session.objects.all())
    other = Client()
    show_password(other, person)
    other.post(CODE, {"code": codes[0]})
    assert not is_in(other)
    other.post(CODE, {"code": fresh[0]})
    assert is_in(other)


def test_guessing_at_a_device_waits_and_does_not_keep_out_a_recovery_code(person: User) -> None:
    client = Client()
    device, codes = enrolled(client, person)
    SecondFactor.objects.update(failures=12, failed_at="2100-01-01T00:00Z")
    other = Client()
    show_password(other, person)
    other.post(CODE, {"code": device.code()})
    assert not is_in(other)
    other.post(CODE, {"code": codes[0]})
    assert is_in(other)


def test_wrong_codes_make_the_device_wait_wherever_they_come_from(person: User) -> None:
    device = enrol(person)
    SecondFactor.objects.update(failures=9)
    for number, code in enumerate(("000000", device.code())):
        client = Client(REMOTE_ADDR=f"203.0.113.{number}")
        show_password(client, person)
        client.post(CODE, {"code": code})
        assert not is_in(client)
    factor = SecondFactor.objects.get()
    assert (factor.failures, factor.last_step) == (10, -1)


def test_reset_removes_the_device_and_ends_the_sessions(person: User) -> None:
    client = Client()
    enrolled(client, person)
    call_command("second_factor", "reset", person.email)
    assert not is_in(client)
    assert not SecondFactor.objects.exists()
    assert not SecretVersion.objects.filter(ciphertext__isnull=False).exists()
    assert AuditEvent.objects.filter(action="staff.second_factor_reset", subject_id=person.pk).exists()
    assert show_password(Client(), person)["Location"] == DEVICE
    call_command("second_factor", "reset", person.email)
    with pytest.raises(CommandError, match="no such person"):
        call_command("second_factor", "reset", "nobody@example.com")


def test_sessions_without_a_row_are_nobodys(person: User) -> None:
    enrol(person)
    client = Client()
    client.force_login(person)
    assert not is_in(client)
    assert client.get("/api/v1/whoami").status_code == 401


def test_another_password_does_not_skip_the_factor(person: User) -> None:
    client = Client()
    enrolled(client, person)
    new = "another-long-password"
    form = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    answer = client.post(reverse("admin:password_change"), form)
    assert answer["Location"].startswith(LOGIN)
    assert not is_in(client)
    other = Client()
    assert show_password(other, person, password=new)["Location"] == CODE
    assert not is_in(other)


_COOKIES = """
import django
django.setup()
from django.conf import settings
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpResponse
from django.middleware.csrf import CsrfViewMiddleware, get_token
from django.test import RequestFactory

def view(request):
    request.session["x"] = 1
    get_token(request)
    return HttpResponse()

settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
request = RequestFactory().get("/", secure=True)
print(SessionMiddleware(CsrfViewMiddleware(view))(request).cookies.output(header=""))
"""


def test_production_cookies_have_every_lock() -> None:
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "holo.settings",
        "DEBUG": "0",
        "DEMO": "0",
        "SECRET_KEY": "".join(chr(48 + number) for number in range(60)),
    }
    command = [sys.executable, "-W", "ignore", "-c", _COOKIES]
    found = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    cookies = {line.split("=")[0].strip(): line.lower() for line in found.strip().splitlines()}
    assert set(cookies) == {"__Host-sessionid", "__Host-csrftoken"}
    for text in cookies.values():
        assert all(part in text for part in ("; path=/;", "; samesite=lax", "; secure")), text
        assert "domain" not in text
    assert "; httponly" in cookies["__Host-sessionid"]
    assert "max-age=43200" in cookies["__Host-sessionid"]


def test_slow_hand_does_not_move_the_device_away() -> None:
    secret, start, drift = new_secret(), 3_000_000_000.0, 0
    for late in range(5):
        moment = start + late * 3600
        code = code_at(secret, moment - (late + 1) * 30)
        found = match_code(secret, code, moment=datetime.fromtimestamp(moment, UTC), drift=drift, after=-1)
        drift = found.drift if found else drift
    now = start + 10 * 3600
    present = datetime.fromtimestamp(now, UTC)
    assert match_code(secret, code_at(secret, now), moment=present, drift=drift, after=-1) is not None


def test_of_devices_begun_at_once_one_is_left_and_one_of_its_confirmations_counts(person: User) -> None:
    begun = race([lambda: begin_enrolment(user_id=person.pk)] * 8)
    left = SecondFactor.objects.get(user=person)
    assert left.pk in begun
    assert len(set(begun)) == 8
    device = Device(str(read_enrolment_secret(user_id=person.pk, factor_id=left.pk)))
    code = device.present()
    outcomes = race(
        [
            lambda number=number: confirm_enrolment(  # type: ignore[misc]
                user=person, factor_id=left.pk, code=code, address=f"203.0.113.{number}"
            )
            for number in range(8)
        ]
    )
    assert sorted(len(codes or ()) for codes in outcomes) == [*[0] * 7, 10]  # type: ignore[arg-type]


def test_of_devices_enrolled_at_once_one_is_made(person: User) -> None:
    outcomes = race([lambda: enrol_demo_person(user_id=person.pk, secret=new_secret())] * 8)
    assert sorted(outcomes, key=str) == [*[False] * 7, True]
