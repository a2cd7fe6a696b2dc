"""Staff with the right to change people see and change only people of their own organisations."""

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from holo.identity.models import Membership, Organization, User
from tests.api.people import build_person
from tests.builders import build_organization
from tests.forms import filled
from tests.logins import log_in

pytestmark = pytest.mark.usefixtures("fresh_database")
WORDS = ("user", "membership", "organization")


@pytest.fixture
def organization(fresh_database: str) -> Organization:
    return build_organization()


@pytest.fixture
def clerk(organization: Organization) -> Client:
    """Staff of one organisation who may do with people and memberships what the admin lets anybody do."""
    person = build_person(organization=organization)
    User.objects.filter(pk=person.pk).update(is_staff=True)
    person.user_permissions.set(Permission.objects.filter(content_type__app_label="identity"))
    client = Client()
    log_in(client, User.objects.get(pk=person.pk))
    return client


def reached(client: Client, person: User) -> list[int]:
    """Return what the pages that show and change a person answer; a redirect leads to the start page."""
    pages = [
        reverse("admin:identity_user_change", args=[person.pk]),
        reverse("admin:auth_user_password_change", args=[person.pk]),
        reverse("admin:identity_user_history", args=[person.pk]),
    ]
    return [client.get(page).status_code for page in pages]


def test_control_a_colleague_is_found_and_changed(clerk: Client, organization: Organization) -> None:
    colleague = build_person(organization=organization)
    assert reached(clerk, colleague)[:2] == [200, 200]
    page = reverse("admin:auth_user_password_change", args=[colleague.pk])
    sent = {"password1": "a-long-new-password", "password2": "a-long-new-password", "usable_password": "true"}
    assert clerk.post(page, sent).status_code == 302
    assert User.objects.get(pk=colleague.pk).check_password("a-long-new-password")


def test_clerk_neither_learns_nor_says_whose_an_address_is(clerk: Client, organization: Organization) -> None:
    """They enter it as an organisation's systems do, whoever has it elsewhere."""
    stranger = build_person(organization=build_organization())
    colleague = build_person(organization=organization)
    page = reverse("admin:identity_user_change", args=[colleague.pk])
    assert clerk.post(page, filled(clerk.get(page), email=stranger.email)).status_code == 302
    known = User.objects.get(pk=colleague.pk)
    assert (known.email, known.login) == (stranger.email, colleague.login)
    assert clerk.get(reverse("admin:identity_user_add")).status_code == 403
    for email in (build_person(organization=None).email, "nobody@example.com"):
        unused = User.objects.create(email=email, password="!")
        Membership.objects.create(organization=organization, user=unused)
        page = reverse("admin:auth_user_password_change", args=[unused.pk])
        sent = {"password1": "a-long-new-password", "password2": "a-long-new-password"}
        refused = clerk.post(page, {**sent, "usable_password": "true"}, follow=True)
        assert "They choose a password when they accept an invitation." in refused.content.decode()
        unused.refresh_from_db()
        assert unused.is_unclaimed


def test_superuser_is_told_why_a_first_password_is_refused(fresh_database: str) -> None:
    root = Client()
    log_in(root, build_person(organization=None, superuser=True))
    unused = User.objects.create(email=build_person(organization=None).email, password="!")
    page = reverse("admin:auth_user_password_change", args=[unused.pk])
    sent = {"password1": "a-long-new-password", "password2": "a-long-new-password", "usable_password": "true"}
    assert "Somebody logs in with this e-mail address already." in root.post(page, sent).content.decode()


def test_person_of_another_organisation_is_not_there(clerk: Client) -> None:
    stranger = build_person(organization=build_organization())
    assert set(reached(clerk, stranger)) <= {302, 403, 404}
    for word in WORDS:
        page = clerk.get(reverse(f"admin:identity_{word}_changelist")).content.decode()
        assert stranger.email not in page
        assert Membership.objects.get(user=stranger).organization.slug not in page
    found = {
        "app_label": "identity",
        "model_name": "membership",
        "field_name": "user",
        "term": stranger.email,
    }
    assert stranger.email not in clerk.get(reverse("admin:autocomplete"), found).content.decode()
    page = reverse("admin:auth_user_password_change", args=[stranger.pk])
    sent = {"password1": "a-long-new-password", "password2": "a-long-new-password", "usable_password": "true"}
    assert clerk.post(page, sent).status_code in (302, 403, 404)
    assert not User.objects.get(pk=stranger.pk).check_password("a-long-new-password")


@pytest.mark.parametrize("kind", ["superuser", "member elsewhere too"])
def test_who_is_not_the_organisations_alone_is_seen_and_not_changed(
    clerk: Client, organization: Organization, kind: str
) -> None:
    person = build_person(organization=organization, superuser=kind == "superuser")
    other = build_organization()
    if kind != "superuser":
        Membership.objects.create(user=person, organization=other)
    shown = clerk.get(reverse("admin:identity_user_change", args=[person.pk]))
    assert (shown.status_code, shown.context["has_change_permission"]) == (200, False)
    assert other.slug not in shown.content.decode()
    page = reverse("admin:auth_user_password_change", args=[person.pk])
    sent = {"password1": "a-long-new-password", "password2": "a-long-new-password", "usable_password": "true"}
    assert [clerk.get(page).status_code, clerk.post(page, sent).status_code] == [403, 403]
    change = reverse("admin:identity_user_change", args=[person.pk])
    clerk.post(change, {"email": "taken@example.com", "name": "x", "is_active": "on"})
    assert User.objects.get(pk=person.pk).email == person.email


def test_superuser_reaches_everybody(fresh_database: str) -> None:
    root = Client()
    log_in(root, build_person(organization=None, superuser=True))
    stranger = build_person(organization=build_organization())
    assert reached(root, stranger) == [200, 200, 200]
