"""People and keys in the admin."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from holo.apiauth.models import ApiKey
from holo.audit.models import AuditEvent
from holo.common import shown_once
from holo.common.ids import uuid7
from holo.identity.models import Membership, Organization, User
from tests.api.people import PASSWORD, Api, build_key, build_person
from tests.builders import build_organization
from tests.forms import filled
from tests.logins import log_in

pytestmark = pytest.mark.django_db
KEYS = "admin:apiauth_apikey_changelist"
ADD = "admin:apiauth_apikey_add"


@pytest.fixture
def root(organization: Organization) -> User:
    """A superuser of one organisation."""
    return build_person(organization=organization, superuser=True)


@pytest.fixture
def browser(root: User) -> Client:
    """The superuser's browser."""
    client = Client()
    log_in(client, root)
    return client


def wish(organization: Organization, **changes: Any) -> dict[str, Any]:
    """Return the fields of the form."""
    good = {"kind": "key", "name": "till", "organization": organization.pk, "scopes": ["orders:read"]}
    return {**good, "days": 5, "token": uuid7(), **changes}


def test_key_is_shown_once_and_works(browser: Client, organization: Organization) -> None:
    assert browser.get(reverse(ADD)).status_code == 200
    answer = browser.post(reverse(ADD), wish(organization))
    sealed = str(dict(browser.session))
    page = browser.get(answer["Location"])
    found = re.search(r"holo_org_\w{36}", page.content.decode())
    assert found is not None
    assert "no-store" in page["Cache-Control"]
    assert Api(found[0]).get("/api/v1/orders").status_code == 200
    assert found[0] not in browser.get(reverse(KEYS)).content.decode()
    # Neither reloading nor the way back shows it again or makes another.
    assert found[0] not in sealed
    for again in (answer["Location"], reverse(ADD)):
        assert "holo_org_" not in browser.get(again).content.decode()
    assert ApiKey.objects.count() == 1


def test_form_that_is_sent_twice_makes_one_key(browser: Client, organization: Organization) -> None:
    """The second click's response is the one that a browser shows."""
    form = filled(browser.get(reverse(ADD)), **{**wish(organization), "token": None})
    token = filled(browser.get(reverse(ADD)))["token"]
    sent = {**form, "token": token}
    browser.post(reverse(ADD), sent)
    shown = browser.post(reverse(ADD), sent, follow=True).content.decode()
    assert ApiKey.objects.count() == 1
    assert re.search(r"holo_org_\w{36}", shown)
    browser.post(reverse(ADD), wish(organization))
    assert ApiKey.objects.count() == 2, "another form makes another key"


@pytest.mark.parametrize("loss", ["cookie", "time", "session"])
def test_key_is_shown_in_its_own_browser_within_two_minutes(
    browser: Client, organization: Organization, loss: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if loss == "time":
        monkeypatch.setattr(shown_once, "_SECONDS", -1)
    page = browser.post(reverse(ADD), wish(organization))["Location"]
    if loss == "cookie":
        browser.cookies["shown_once"] = "A" * 43 + "="
    if loss == "session":
        session = browser.session
        session.pop("shown_once")
        session.save()
    shown = browser.get(page)
    assert (shown.status_code, "holo_org_" in shown.content.decode()) == (200, False)


@pytest.mark.parametrize(
    "changes", [{"scopes": ["orders:audit"]}, {"scopes": []}, {"days": 0}, {"days": 400}, {"name": ""}]
)
def test_bad_wish_makes_no_key(browser: Client, organization: Organization, changes: dict[str, Any]) -> None:
    page = browser.post(reverse(ADD), wish(organization, **changes))
    assert (page.status_code, ApiKey.objects.count()) == (200, 0)
    assert "errorlist" in page.content.decode()


def test_key_for_a_foreign_organisation_is_not_made(browser: Client, root: User) -> None:
    User.objects.create_superuser("spare@example.com", "correct horse battery")
    User.objects.filter(pk=root.pk).update(is_superuser=False)
    root.user_permissions.set(Permission.objects.filter(codename="add_apikey"))
    browser.post(reverse(ADD), wish(build_organization()))
    assert not ApiKey.objects.exists()


def test_revoking_ends_keys_at_once(browser: Client, organization: Organization) -> None:
    person = build_person(organization=organization, groups=["viewer"])
    text = build_key(owner=person, organization=organization, scopes=["orders:read"])
    key = ApiKey.objects.get()
    asked = browser.post(reverse(KEYS), {"action": "revoke", "_selected_action": [key.pk]})
    for shown in (key.name, key.prefix, person.email, "never", "cannot be undone"):
        assert shown in asked.content.decode(), shown
    assert Api(text).get("/api/v1/orders").status_code == 200
    run = reverse("admin:apiauth_apikey_revoke_run")
    page = browser.post(run, {"item": f"{key.pk}:"}, follow=True)
    assert "The key was revoked" in page.content.decode()
    assert Api(text).get("/api/v1/orders").status_code == 401
    assert AuditEvent.objects.filter(action="apiauth.key_revoked", actor_id__isnull=False).count() == 1


def test_keys_are_neither_changed_nor_deleted(
    browser: Client, organization: Organization, root: User
) -> None:
    build_key(owner=root, organization=organization, scopes=["orders:read"])
    key = ApiKey.objects.get()
    address = reverse("admin:apiauth_apikey_change", args=[key.pk])
    assert browser.get(address).status_code == 200
    assert browser.post(address, {"name": "x", "scopes": "[]"}).status_code == 403
    assert browser.post(reverse("admin:apiauth_apikey_delete", args=[key.pk])).status_code == 403
    assert ApiKey.objects.get().name == key.name


def test_person_sees_own_keys_only(organization: Organization) -> None:
    person = build_person(organization=organization, groups=["viewer"])
    User.objects.filter(pk=person.pk).update(is_staff=True)
    person.user_permissions.set(Permission.objects.filter(content_type__app_label="apiauth"))
    other = build_person(organization=organization, groups=["viewer"])
    build_key(owner=other, organization=organization, scopes=["orders:read"])
    client = Client()
    log_in(client, User.objects.get(pk=person.pk))
    assert ApiKey.objects.get().prefix not in client.get(reverse(KEYS)).content.decode()


def test_person_is_added_by_address(browser: Client, organization: Organization) -> None:
    data = {
        "email": "New@Example.com",
        "name": "New",
        "usable_password": "true",
        "password1": PASSWORD,
        "password2": PASSWORD,
        "memberships-TOTAL_FORMS": "0",
        "memberships-INITIAL_FORMS": "0",
    }
    assert browser.get(reverse("admin:identity_user_add")).status_code == 200
    response = browser.post(reverse("admin:identity_user_add"), data)
    assert response.status_code == 302, response.content
    made = User.objects.get(email="new@example.com")
    assert made.check_password(PASSWORD)
    assert browser.get(reverse("admin:identity_user_change", args=[made.pk])).status_code == 200


def test_editor_of_people_cannot_make_a_superuser(organization: Organization, root: User) -> None:
    person = build_person(organization=organization)
    User.objects.filter(pk=person.pk).update(is_staff=True)
    person.user_permissions.set(Permission.objects.filter(content_type__app_label="identity"))
    client = Client()
    log_in(client, User.objects.get(pk=person.pk))
    data = {
        "email": person.email,
        "is_active": "on",
        "is_staff": "on",
        "is_superuser": "on",
        "memberships-TOTAL_FORMS": "0",
        "memberships-INITIAL_FORMS": "0",
    }
    client.post(reverse("admin:identity_user_change", args=[person.pk]), data)
    assert not User.objects.get(pk=person.pk).is_superuser
    response = client.post(reverse("admin:identity_user_change", args=[root.pk]), data)
    assert response.status_code == 403


@pytest.mark.parametrize("model", ["user", "organization", "membership"])
def test_lists_open(browser: Client, model: str) -> None:
    assert browser.get(reverse(f"admin:identity_{model}_changelist")).status_code == 200
    assert browser.get(reverse(f"admin:identity_{model}_add")).status_code == 200


def test_people_and_organisations_are_not_deleted(
    browser: Client, root: User, organization: Organization
) -> None:
    for kind, row in (("user", root), ("organization", organization)):
        address = reverse(f"admin:identity_{kind}_delete", args=[row.pk])
        assert browser.post(address, {"post": "yes"}).status_code == 403
    assert Membership.objects.filter(user=root).exists()


def test_audit_trail_is_read_only(browser: Client, organization: Organization, root: User) -> None:
    build_key(owner=root, organization=organization, scopes=["orders:read"])
    row = AuditEvent.objects.get(action="apiauth.key_created")
    assert browser.get(reverse("admin:audit_auditevent_changelist")).status_code == 200
    assert browser.get(reverse("admin:audit_auditevent_change", args=[row.pk])).status_code == 200
    assert (
        browser.post(reverse("admin:audit_auditevent_change", args=[row.pk]), {"action": "x"}).status_code
        == 403
    )
    assert browser.get(reverse("admin:audit_auditevent_add")).status_code == 403


@pytest.mark.parametrize("name", ["revoke", "rotate"])
def test_crafted_list_of_keys_is_refused_whole(
    browser: Client, organization: Organization, name: str
) -> None:
    person = build_person(organization=organization, groups=["viewer"])
    build_key(owner=person, organization=organization, scopes=["orders:read"])
    own, before = ApiKey.objects.get(), list(ApiKey.objects.values())
    run = reverse(f"admin:apiauth_apikey_{name}_run")
    for odd in ("01890a5d-ac96-774b-bcce-b302099a8057", "1 OR 1=1", "\x00", "0" * 5000, ""):
        assert browser.post(run, {"item": [f"{own.pk}:", f"{odd}:"]}).status_code == 403, odd
        chosen = {"action": name, "_selected_action": [str(own.pk), odd]}
        assert browser.post(reverse(KEYS), chosen).status_code == 403, odd
    assert browser.get(run).status_code == 405
    assert list(ApiKey.objects.values()) == before
