"""Sessions end: by themselves, by their person, and with the right to them."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.contrib.sessions.models import Session
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse

from holo.audit.models import AuditEvent
from holo.common.ids import uuid7
from holo.identity.models import Membership, User
from holo.staff.models import LoginLimit, StaffSession
from holo.staff.tasks import purge_ended_sessions
from tests.api.people import PASSWORD, build_person
from tests.builders import build_organization
from tests.conftest import OwnerAccess
from tests.logins import enrol, log_in
from tests.planting import plant
from tests.racing import race

pytestmark = pytest.mark.usefixtures("fresh_database")
ACCOUNT = "/admin/account/"


@pytest.fixture
def person() -> User:
    # Another superuser, so that this one may stop being one.
    User.objects.create_superuser(f"spare-{uuid7().hex[-8:]}@example.com", "correct horse battery")
    person = build_person(organization=build_organization(), groups=["viewer", "operator"])
    User.objects.filter(pk=person.pk).update(is_staff=True, is_superuser=True)
    return User.objects.get(pk=person.pk)


def browser(person: User) -> Client:
    client = Client()
    log_in(client, User.objects.get(pk=person.pk))
    return client


def is_in(client: Client) -> bool:
    return bool(client.get("/admin/").status_code == 200)


def age(**fields: Any) -> None:
    plant(StaffSession.objects.all(), **fields)


@pytest.mark.parametrize(
    ("field", "longest"),
    [("seen_at", timedelta(minutes=30)), ("created_at", timedelta(hours=12))],
)
def test_session_ends_by_itself(person: User, field: str, longest: timedelta) -> None:
    client = browser(person)
    age(**{field: Now() - longest + timedelta(seconds=30)})
    assert is_in(client)
    age(**{field: Now() - longest - timedelta(seconds=1)})
    assert not is_in(client)
    assert client.get("/api/v1/whoami").status_code == 401


def test_use_keeps_a_session_alive_but_not_beyond_its_longest(person: User) -> None:
    client = browser(person)
    age(seen_at=Now() - timedelta(minutes=20))
    assert is_in(client)
    assert StaffSession.objects.filter(seen_at__gt=Now() - timedelta(minutes=1)).exists()


def other_password(person: User) -> None:
    person.set_password("another-long-password")
    person.save()


LOSSES: dict[str, Callable[[User], object]] = {
    "password": other_password,
    "deactivated": lambda person: User.objects.filter(pk=person.pk).update(is_active=False),
    "no staff": lambda person: User.objects.filter(pk=person.pk).update(is_staff=False),
    "no superuser": lambda person: User.objects.filter(pk=person.pk).update(is_superuser=False),
    "group": lambda person: person.groups.remove(Group.objects.get(name="operator")),
    "role": lambda person: Membership.objects.filter(user=person).update(role="auditor"),
    "membership": lambda person: Membership.objects.filter(user=person).delete(),
}
TRIGGERS = {
    "no superuser": ("staff_end_sessions_u", "identity_user"),
    "group": ("staff_end_sessions_d", "identity_user_groups"),
    "role": ("staff_end_sessions_u", "identity_membership"),
    "membership": ("staff_end_sessions_d", "identity_membership"),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_session_ends_with_the_right_to_it(person: User, loss: str) -> None:
    client, other = browser(person), browser(build_person(organization=None, superuser=True))
    assert is_in(client)
    LOSSES[loss](User.objects.get(pk=person.pk))
    assert not StaffSession.objects.filter(user=person).exists()
    assert not is_in(client)
    assert is_in(other)


@pytest.mark.parametrize("loss", TRIGGERS)
def test_control_without_the_trigger_the_session_goes_on(person: User, loss: str, owner: OwnerAccess) -> None:
    trigger, table = TRIGGERS[loss]
    owner.execute(f"DROP TRIGGER {trigger} ON {table}")
    client = browser(person)
    LOSSES[loss](User.objects.get(pk=person.pk))
    assert is_in(client)


def test_what_gives_rights_ends_no_session(person: User) -> None:
    client = browser(person)
    person.groups.add(Group.objects.get_or_create(name="auditor")[0])
    User.objects.filter(pk=person.pk).update(name="Another", last_login=Now())
    Membership.objects.create(user=person, organization=build_organization())
    assert is_in(client)


def test_log_out_ends_the_session_for_good(person: User) -> None:
    client = browser(person)
    cookie = client.cookies["sessionid"].value
    assert client.post("/admin/logout/").status_code in (200, 302)
    assert not StaffSession.objects.exists()
    thief = Client()
    thief.cookies["sessionid"] = cookie
    assert not is_in(thief)


def test_stolen_cookie_is_worth_nothing_after_the_row(person: User) -> None:
    client = browser(person)
    thief = Client()
    thief.cookies["sessionid"] = client.cookies["sessionid"].value
    assert is_in(thief)
    StaffSession.objects.all().delete()
    assert not is_in(thief)


def test_person_sees_and_ends_the_own_sessions(person: User) -> None:
    here, there, third = browser(person), browser(person), browser(person)
    stranger = browser(build_person(organization=None, superuser=True))
    page = here.get(ACCOUNT)
    assert len(page.context["sessions"]) == 3
    row = there.session["staff_session"]
    assert here.post(ACCOUNT, {"do": "end", "session": row}).status_code == 302
    assert (is_in(here), is_in(there), is_in(third)) == (True, False, True)
    here.post(ACCOUNT, {"do": "end_others"})
    assert (is_in(here), is_in(third), is_in(stranger)) == (True, False, True)
    assert AuditEvent.objects.filter(action="staff.session_ended").count() == 2


@pytest.mark.parametrize("row", ["stranger", "", "x", "\x00", "01890a5d-ac96-774b-bcce-b302099a8057"])
def test_nobody_ends_the_session_of_somebody_else(person: User, row: str) -> None:
    here, stranger = browser(person), browser(build_person(organization=None, superuser=True))
    session = stranger.session["staff_session"] if row == "stranger" else row
    assert here.post(ACCOUNT, {"do": "end", "session": session}).status_code == 302
    assert (is_in(here), is_in(stranger)) == (True, True)


def test_account_page_takes_no_post_without_a_token(person: User) -> None:
    client = Client(enforce_csrf_checks=True)
    log_in(client, person)
    assert client.post(ACCOUNT, {"do": "end_others"}).status_code == 403


def test_one_code_from_many_browsers_lets_one_in(person: User) -> None:
    device = enrol(person)
    User.objects.get(pk=person.pk).set_password(PASSWORD)
    clients = [Client(REMOTE_ADDR=f"203.0.113.{number}") for number in range(10)]
    for client in clients:
        client.post("/admin/login/", {"username": person.email, "password": PASSWORD})
    code = device.present()
    race(
        [
            lambda client=client: client.post(reverse("admin:login_code"), {"code": code})  # type: ignore[misc]
            for client in clients
        ]
    )
    assert sum(is_in(client) for client in clients) == 1
    assert StaffSession.objects.count() == 1


def test_sweep_deletes_what_has_ended_and_nothing_else(person: User) -> None:
    gone, client = browser(person), browser(person)
    plant(
        StaffSession.objects.filter(pk=gone.session["staff_session"]),
        created_at=Now() - timedelta(hours=13),
    )
    Session.objects.filter(session_key=gone.session.session_key).update(
        expire_date=Now() - timedelta(minutes=1)
    )
    for key, days in (("old", 3), ("new", 1)):
        LoginLimit.objects.create(key=key, blocked_until=Now(), seen_at=Now() - timedelta(days=days))
    assert purge_ended_sessions() == 3
    assert is_in(client)
    assert LoginLimit.objects.get().key == "new"
