"""A superuser who can log in to the admin is left, whatever anybody does."""

import threading
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError
from django.test import Client
from django.urls import reverse

from holo.common.ids import uuid7
from holo.identity.models import User
from holo.identity.selectors import is_last_superuser
from tests.conftest import OwnerAccess
from tests.forms import filled
from tests.logins import log_in
from tests.planting import as_owner
from tests.proof import rounds
from tests.racing import race

pytestmark = pytest.mark.usefixtures("fresh_database")
NO_TRIGGER = "DROP TRIGGER identity_user_keeps_a_superuser_u ON identity_user"
FLAGS = ("is_active", "is_staff", "is_superuser")
OWN, LAST = "cannot take your own rights", "Nobody else is a superuser"


def superuser(name: str, *, password: str | None = "correct horse battery", **fields: Any) -> User:
    return User.objects.create_superuser(f"{name}@example.com", password, **fields)


def browser(person: User) -> Client:
    client = Client()
    log_in(client, person)
    return client


def page_of(person: User) -> str:
    return reverse("admin:identity_user_change", args=[person.pk])


def form_of(client: Client, person: User, **changes: object) -> dict[str, list[str]]:
    """Return what the form of a person sends; a flag that is False is not sent."""
    found = {name: None if value is False else value for name, value in changes.items()}
    return filled(client.get(page_of(person)), **found)


def flags_of(person: User) -> tuple[bool, ...]:
    stored = User.objects.get(pk=person.pk)
    return tuple(bool(getattr(stored, flag)) for flag in FLAGS)


@pytest.mark.parametrize("flag", FLAGS)
def test_superuser_keeps_their_own_rights(flag: str) -> None:
    root, _other = superuser("root"), superuser("other")
    client = browser(root)
    answer = client.post(page_of(root), form_of(client, root, **{flag: False}))
    assert answer.status_code == 200
    assert OWN in answer.content.decode()
    assert flags_of(root) == (True, True, True)


@pytest.mark.parametrize("flag", FLAGS)
def test_last_superuser_who_can_log_in_is_kept(flag: str) -> None:
    root, last = superuser("root"), superuser("last")
    client = browser(root)
    assert client.post(page_of(last), form_of(client, last, **{flag: False})).status_code == 302
    assert flags_of(last) != (True, True, True)
    # Who is logged in has lost the password meanwhile: of those who can log in, `last` is the last one.
    User.objects.filter(pk=last.pk).update(is_active=True, is_staff=True, is_superuser=True)
    User.objects.filter(pk=root.pk).update(password="!")
    client = browser(User.objects.get(pk=root.pk))
    answer = client.post(page_of(last), form_of(client, last, **{flag: False}))
    assert (answer.status_code, LAST in answer.content.decode()) == (200, True)
    assert flags_of(last) == (True, True, True)


def test_other_changes_of_the_last_superuser_go_through() -> None:
    root = superuser("root")
    client = browser(root)
    assert client.post(page_of(root), form_of(client, root, name="Ada")).status_code == 302
    assert User.objects.get().name == "Ada"


def test_superuser_keeps_a_password() -> None:
    root, other = superuser("root"), superuser("other")
    for person in (root, other):
        page = reverse("admin:auth_user_password_change", args=[person.pk])
        answer = browser(root).post(page, {"usable_password": "false", "unset-password": "x"}, follow=True)
        assert answer.status_code == 200
        assert (OWN in answer.content.decode()) == (person == root)
    assert User.objects.get(pk=root.pk).has_usable_password()
    assert not User.objects.get(pk=other.pk).has_usable_password()
    # The other way round the database refuses, and the page says so.
    User.objects.filter(pk=other.pk).update(password="!")
    page = reverse("admin:auth_user_password_change", args=[root.pk])
    client = browser(User.objects.get(pk=other.pk))
    answer = client.post(page, {"usable_password": "false", "unset-password": "x"}, follow=True)
    assert LAST in answer.content.decode()
    assert User.objects.get(pk=root.pk).has_usable_password()


@pytest.mark.parametrize("change", [*({flag: False} for flag in FLAGS), {"password": "!"}])
def test_database_keeps_the_last_superuser(change: dict[str, Any]) -> None:
    root = superuser("root")
    superuser("inactive", is_active=False)
    superuser("without", password=None)
    with pytest.raises(IntegrityError, match="keeps a superuser"):
        User.objects.filter(pk=root.pk).update(**change)
    with pytest.raises(IntegrityError, match="keeps a superuser"):
        as_owner("DELETE FROM identity_user WHERE id = %s", [root.pk])
    superuser("second")
    User.objects.filter(pk=root.pk).update(**change)


def demote_each_other() -> tuple[int, list[int]]:
    """Let the only two superusers demote each other at once; return how many are left, and the statuses."""
    pair = [superuser(uuid7().hex), superuser(uuid7().hex)]
    User.objects.exclude(pk__in=[person.pk for person in pair]).delete()
    browsers = [browser(person) for person in pair]
    forms = [form_of(browsers[at], pair[1 - at], is_superuser=False) for at in (0, 1)]
    answers: list[Any] = race(
        [
            lambda at=at: browsers[at].post(page_of(pair[1 - at]), forms[at])  # type: ignore[misc]
            for at in (0, 1)
        ]
    )
    left = User.objects.filter(is_superuser=True).count()
    return left, [getattr(answer, "status_code", 500) for answer in answers]


def look_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let both forms look for another superuser before either one is saved."""
    both_have_looked = threading.Barrier(2)

    def look_then_wait(user_id: UUID) -> bool:
        answer = is_last_superuser(user_id)
        both_have_looked.wait(60)
        return answer

    monkeypatch.setattr("holo.identity.forms.is_last_superuser", look_then_wait)


def test_of_two_who_demote_each_other_one_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    look_together(monkeypatch)
    for _ in range(rounds(20)):
        left, statuses = demote_each_other()
        assert (left, statuses) == (1, [302, 302])


def test_control_without_the_trigger_no_superuser_is_left(
    monkeypatch: pytest.MonkeyPatch, owner: OwnerAccess
) -> None:
    owner.execute(NO_TRIGGER)
    look_together(monkeypatch)
    assert demote_each_other()[0] == 0


def test_of_administrators_made_at_once_by_the_command_one_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "a-long-first-password")
    make = partial(call_command, "createsuperuser", interactive=False, verbosity=0)
    before = User.objects.count()
    ran = race([partial(make, email=email) for email in ("New@example.com", "new@example.com") * 3])
    refused = [outcome for outcome in ran if outcome is not None]
    assert (User.objects.count() - before, len(refused)) == (1, 5)
    for outcome in refused:
        assert isinstance(outcome, CommandError), outcome
        assert "Somebody logs in with this e-mail address already" in str(outcome)


@pytest.mark.parametrize("password", ["x", "password1234", "root@example.com", "1" * 5000])
def test_command_gives_an_administrator_no_password_that_the_form_would_refuse(
    monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", password)
    with pytest.raises(CommandError, match=r"(?i)password"):
        call_command("createsuperuser", interactive=False, email="root@example.com", verbosity=0)
    assert not User.objects.exists()
