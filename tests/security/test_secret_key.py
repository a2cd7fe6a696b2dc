"""What a change of SECRET_KEY costs, with the old one in SECRET_KEY_FALLBACKS and without: docs/deploy.md."""

import pytest
from django.conf import LazySettings
from django.test import Client
from django.urls import reverse

from holo.common.actor import OrganizationId, system_actor
from holo.identity.models import User
from holo.identity.roles import Role
from holo.identity.selectors import find_invitation
from holo.identity.services import invite_member, issue_invitation_link
from tests.api.people import PASSWORD, Api, build_key, build_person, code_of
from tests.api.signers import build_signer
from tests.builders import build_organization, build_product
from tests.logins import enrol, log_in

pytestmark = pytest.mark.usefixtures("fresh_database")


def change_secret_key(settings: LazySettings, *, keep: bool) -> None:
    """Give the processes another SECRET_KEY; `keep` puts the old one among the fallbacks."""
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY] if keep else []
    settings.SECRET_KEY = "another" * 10


@pytest.fixture
def person() -> User:
    return build_person(organization=build_organization(), groups=["operator"])


@pytest.mark.parametrize("keep", [True, False])
def test_session_goes_on_where_the_old_key_is_kept(settings: LazySettings, keep: bool) -> None:
    person = build_person(organization=build_organization(), superuser=True)
    browser = Client()
    log_in(browser, person)
    page = reverse("admin:index")
    assert browser.get(page).status_code == 200
    change_secret_key(settings, keep=keep)
    # Twice: the session goes on under the new key.
    assert [browser.get(page).status_code for _ in range(2)] == ([200, 200] if keep else [302, 302])
    settings.SECRET_KEY_FALLBACKS = []
    assert browser.get(page).status_code == (200 if keep else 302)


@pytest.mark.parametrize("keep", [True, False])
def test_cursor_goes_on_where_the_old_key_is_kept(settings: LazySettings, person: User, keep: bool) -> None:
    organization = person.memberships.get().organization
    api = Api(build_key(owner=person, organization=organization, scopes=["inventory:read"]))
    for _ in range(2):
        build_product(organization=organization)
    following = api.get("/api/v1/products?limit=1").json()["next"]
    change_secret_key(settings, keep=keep)
    response = api.get(following)
    if keep:
        assert len(response.json()["results"]) == 1
    else:
        assert (response.status_code, code_of(response)) == (400, "request.invalid_cursor")


def test_nothing_else_hangs_on_it(settings: LazySettings) -> None:
    """Keys, public tokens, invitations, passwords and second factors have hashes and secrets of their own."""
    signer = build_signer(None, "orders:write")
    public = signer.sign()
    inviter = system_actor(OrganizationId(signer.organization.pk))
    invitation = invite_member(actor=inviter, email="new@example.com", role=Role.MEMBER)
    issued = issue_invitation_link(invitation_id=invitation.pk)
    assert issued is not None
    boss = build_person(organization=None, superuser=True)
    device, browser = enrol(boss), Client()

    change_secret_key(settings, keep=False)

    assert Api(signer.text).get("/api/v1/orders").status_code == 200
    assert Api(public).get("/api/v1/orders").status_code == 200
    assert find_invitation(issued[1]) == invitation
    browser.post("/admin/login/", {"username": boss.email, "password": PASSWORD})
    browser.post("/admin/login/code/", {"code": device.code()})
    assert browser.get(reverse("admin:index")).status_code == 200
