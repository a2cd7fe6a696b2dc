"""The language that a person uses in the admin is that of mail to them."""

import pytest
from django.test import Client
from django.urls import reverse

from holo.common.ids import uuid7
from holo.identity.models import User
from holo.identity.selectors import find_reader, language_of
from tests.logins import log_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def person() -> User:
    return User.objects.create_user(f"{uuid7().hex}@example.com", is_staff=True)


def language(person: User) -> str:
    reader = find_reader(person.pk)
    assert reader is not None
    return reader.language


def test_choice_in_the_header_is_remembered(person: User) -> None:
    client = Client()
    log_in(client, person)
    assert language(person) == "en"
    client.post(reverse("set_language"), {"language": "zh-hans"})
    assert language(person) == "zh-hans"
    client.post(reverse("set_language"), {"language": "xx"})
    client.get(reverse("set_language"), {"language": "en"})
    assert language(person) == "zh-hans"


@pytest.mark.parametrize(("site", "status"), [("same-origin", 302), ("cross-site", 403), ("", 403)])
def test_a_page_that_is_older_than_the_log_in_still_switches(person: User, site: str, status: int) -> None:
    client = Client(enforce_csrf_checks=True)
    log_in(client, person)
    headers = {"Sec-Fetch-Site": site} if site else {}
    form = {"language": "zh-hans", "csrfmiddlewaretoken": "a" * 64}
    assert client.post(reverse("set_language"), form, headers=headers).status_code == status
    assert language(person) == ("zh-hans" if status == 302 else "en")


def test_stranger_may_choose_and_nothing_is_written(person: User) -> None:
    answer = Client().post(reverse("set_language"), {"language": "zh-hans"})
    assert answer.status_code == 302
    assert language(person) == "en"


def test_language_that_is_offered_no_more_gives_way_to_the_default(person: User) -> None:
    User.objects.filter(pk=person.pk).update(language="de")
    assert (language(person), language_of(None)) == ("en", "en")


def test_who_is_not_active_reads_nothing(person: User) -> None:
    User.objects.filter(pk=person.pk).update(is_active=False)
    assert find_reader(person.pk) is None
    assert find_reader(None) is None
