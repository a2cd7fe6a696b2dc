"""Organisations in the admin: memberships by superusers only, projects to look at, an owner is left."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from holo.apiauth.models import ApiKey
from holo.audit.models import AuditEvent
from holo.common.actor import OrganizationId, system_actor
from holo.identity.models import Membership, Organization, User
from holo.identity.roles import Role
from holo.identity.services import create_project, invite_member
from holo.identity.staff import OrganizationLimited
from holo.outbox.models import OutboxMessage
from holo.secretstore.models import Secret
from holo.secretstore.places import INSTALLATION
from holo.secretstore.services import NOBODY, set_secret
from orders.groups import ensure_groups
from tests.api.people import build_person
from tests.builders import build_organization
from tests.forms import filled
from tests.identity.people import Team, add_member, build_team
from tests.logins import log_in

LAST = "would be left without an owner"


@pytest.fixture
def team(fresh_database: str) -> Team:
    return build_team()


@pytest.fixture
def root(team: Team) -> Client:
    return logged_in(build_person(organization=None, superuser=True))


def logged_in(person: User) -> Client:
    User.objects.filter(pk=person.pk).update(is_staff=True)
    client = Client()
    log_in(client, User.objects.get(pk=person.pk))
    return client


def membership(team: Team, role: Role) -> Membership:
    return Membership.objects.get(organization=team.organization, user=team.people[role])


def data_of(member: Membership, **changes: object) -> dict[str, object]:
    return {
        "user": member.user_id,
        "organization": member.organization_id,
        "role": member.role,
        **changes,
    }


def test_the_last_owner_is_kept_with_a_word_why(team: Team, root: Client) -> None:
    owner = membership(team, Role.OWNER)
    page = reverse("admin:identity_membership_change", args=[owner.pk])
    answer = root.post(page, filled(root.get(page), role="admin"))
    assert answer.status_code == 200
    assert LAST in answer.content.decode()
    delete = reverse("admin:identity_membership_delete", args=[owner.pk])
    refused = root.post(delete, {"post": "yes"}, follow=True)
    assert "would be left without an owner" in refused.content.decode()
    owner.refresh_from_db()
    assert (owner.role, owner.organization_id) == (Role.OWNER, team.organization.pk)


def test_membership_stays_the_persons_and_the_organisations(team: Team, root: Client) -> None:
    member, other = membership(team, Role.MEMBER), build_team()
    page = reverse("admin:identity_membership_change", args=[member.pk])
    sent = filled(root.get(page), user=other.people[Role.MEMBER].pk, organization=other.organization.pk)
    assert root.post(page, sent).status_code == 302
    before = (member.user_id, member.organization_id)
    member.refresh_from_db()
    assert (member.user_id, member.organization_id) == before


def test_superusers_change_and_end_memberships(team: Team, root: Client) -> None:
    add_member(team.organization, Role.OWNER)
    owner = membership(team, Role.OWNER)
    page = reverse("admin:identity_membership_change", args=[owner.pk])
    assert root.post(page, filled(root.get(page), role="auditor")).status_code == 302
    owner.refresh_from_db()
    assert owner.role == Role.AUDITOR
    delete = reverse("admin:identity_membership_delete", args=[owner.pk])
    assert root.post(delete, {"post": "yes"}).status_code == 302
    assert not Membership.objects.filter(pk=owner.pk).exists()


def test_who_may_edit_people_makes_nobody_an_owner(team: Team) -> None:
    editor = team.people[Role.MEMBER]
    editor.user_permissions.set(Permission.objects.filter(content_type__app_label="identity"))
    client = logged_in(editor)
    own = membership(team, Role.MEMBER)
    page = reverse("admin:identity_membership_change", args=[own.pk])
    assert client.post(page, data_of(own, role="owner")).status_code == 403
    assert client.get(reverse("admin:identity_membership_add")).status_code == 403
    assert client.post(reverse("admin:identity_membership_delete", args=[own.pk])).status_code == 403
    person = {
        "email": editor.email,
        "is_active": "on",
        "memberships-TOTAL_FORMS": "1",
        "memberships-INITIAL_FORMS": "1",
        "memberships-0-id": own.pk,
        "memberships-0-user": editor.pk,
        "memberships-0-organization": team.organization.pk,
        "memberships-0-role": "owner",
    }
    client.post(reverse("admin:identity_user_change", args=[editor.pk]), person)
    own.refresh_from_db()
    assert own.role == Role.MEMBER


def test_projects_are_seen_by_members_and_changed_by_nobody(team: Team, root: Client) -> None:
    ensure_groups()
    project = create_project(actor=team.actor(Role.OWNER), slug="web-shop", name="Web shop")
    foreign = create_project(actor=build_team().actor(Role.OWNER), slug="theirs", name="Theirs")
    viewer = build_person(organization=team.organization, groups=["viewer"])
    client = logged_in(viewer)
    listed = client.get(reverse("admin:identity_project_changelist"))
    assert listed.status_code == 200
    assert "web-shop" in listed.content.decode()
    assert "theirs" not in listed.content.decode()
    page = client.get(reverse("admin:identity_project_change", args=[project.pk])).content.decode()
    assert all(kind in page for kind in ("production", "staging", "development"))
    assert client.get(reverse("admin:identity_project_change", args=[foreign.pk])).status_code in (302, 404)
    for someone in (client, root):
        for name, args in (("add", []), ("change", [project.pk]), ("delete", [project.pk])):
            address = reverse(f"admin:identity_project_{name}", args=args)
            assert someone.post(address, {"name": "x", "post": "yes"}).status_code == 403
    project.refresh_from_db()
    assert project.name == "Web shop"


@pytest.mark.parametrize("group", ["viewer", "operator", "auditor"])
def test_the_audit_trail_is_that_of_ones_own_organisations(team: Team, root: Client, group: str) -> None:
    ensure_groups()
    stranger = build_team()
    create_project(actor=team.actor(Role.OWNER), slug="own", name="Own")
    create_project(actor=stranger.actor(Role.OWNER), slug="theirs", name="Theirs")
    client = logged_in(build_person(organization=team.organization, groups=[group]))
    address = reverse("admin:audit_auditevent_changelist")
    foreign = AuditEvent.objects.get(organization_id=stranger.organization.pk)
    page = client.get(address).content.decode()
    assert team.people[Role.OWNER].email in page
    assert stranger.people[Role.OWNER].email not in page
    for query in (f"?q={foreign.subject_id}", f"?subject_id={foreign.subject_id}"):
        assert foreign.actor_label not in client.get(address + query).content.decode()
    detail = reverse("admin:audit_auditevent_change", args=[foreign.pk])
    assert client.get(detail).status_code in (302, 404)
    assert root.get(detail).status_code == 200


def test_superusers_see_what_is_about_the_installation(team: Team, root: Client) -> None:
    ensure_groups()
    set_secret(
        actor=system_actor(NOBODY, label="operator-at-the-console"), place=INSTALLATION, name="a", value=1
    )
    address = reverse("admin:audit_auditevent_changelist")
    assert "operator-at-the-console" in root.get(address).content.decode()
    viewer = logged_in(build_person(organization=team.organization, groups=["viewer"]))
    assert "operator-at-the-console" not in viewer.get(address).content.decode()


def test_messages_are_those_of_ones_own_organisations(team: Team) -> None:
    ensure_groups()
    stranger = build_team()
    for one in (team, stranger):
        invite_member(actor=one.actor(Role.OWNER), email="new@example.com", role=Role.MEMBER)
    own, foreign = (
        OutboxMessage.objects.get(organization_id=one.organization.pk) for one in (team, stranger)
    )
    client = logged_in(build_person(organization=team.organization, groups=["viewer"]))
    page = client.get(reverse("admin:outbox_outboxmessage_changelist")).content.decode()
    assert (own.key in page, foreign.key in page) == (True, False)
    detail = reverse("admin:outbox_outboxmessage_change", args=[foreign.pk])
    assert client.get(detail).status_code in (302, 404)


def test_every_page_of_what_organisations_own_is_limited() -> None:
    """Memberships and secrets are for superusers; keys limit themselves to their owner's."""
    open_to_all = {
        model
        for model, page in admin.site._registry.items()
        if any(field.name in ("organization", "organization_id") for field in model._meta.fields)
        and not isinstance(page, OrganizationLimited)
    }
    assert open_to_all == {Membership, ApiKey, Secret}


def test_filters_name_no_organisation_but_ones_own(fresh_database: str) -> None:
    """Rows are one's own already; what chooses among them must not tell of others."""
    own, second, other = (build_organization() for _ in range(3))
    for number, organization in enumerate((own, second, other)):
        Organization.objects.filter(pk=organization.pk).update(name=f"Organisation {number}")
        create_project(actor=system_actor(OrganizationId(organization.pk)), slug="shop", name="Shop")
    ensure_groups()
    person = build_person(organization=own, groups=["viewer"])
    Membership.objects.create(user=person, organization=second)
    page = logged_in(person).get(reverse("admin:identity_project_changelist")).content.decode()
    assert "Organisation 0" in page
    assert "Organisation 1" in page
    assert "Organisation 2" not in page


@pytest.mark.parametrize(
    ("field", "text"),
    [("name", "Ann\u3164"), ("name", "A\u202enn"), ("name", "A\x1bnn"), ("email", "a\u200bnn@example.com")],
)
def test_people_get_no_name_or_address_that_cannot_be_seen(root: Client, field: str, text: str) -> None:
    data = {"email": "ann@example.com", "name": "Ann", "usable_password": "false", field: text}
    page = root.post(reverse("admin:identity_user_add"), data).content.decode()
    assert f"U+{ord(max(text) if max(text) > chr(255) else chr(27)):04X} at position" in page
    assert not User.objects.filter(email__contains="nn@example.com").exists()


def test_an_address_has_one_form_and_is_found_in_each(root: Client) -> None:
    typed = "Ann@BU\u0308CHER.example"
    formset = {"memberships-TOTAL_FORMS": 0, "memberships-INITIAL_FORMS": 0}
    data = {"email": typed, "name": "Ann \u2764\ufe0f", "usable_password": "false", **formset}
    assert root.post(reverse("admin:identity_user_add"), data).status_code == 302
    person = User.objects.get(email="ann@bücher.example")
    assert person.name == "Ann \u2764\ufe0f"
    for form in (typed, "ann@bücher.example", "ANN@BÜCHER.EXAMPLE"):
        assert User.objects.called(form).get() == person
        listed = root.get(reverse("admin:identity_user_changelist"), {"q": form.lower()}).content.decode()
        assert "ann@bücher.example" in listed
    page = root.post(reverse("admin:identity_user_add"), data).content.decode()
    assert "Somebody logs in with this e-mail address already." in page


def test_an_organisation_takes_the_same_characters(root: Client) -> None:
    address = reverse("admin:identity_organization_add")
    assert "U+2800 at position 2" in root.post(address, {"slug": "x", "name": "a\u2800b"}).content.decode()
    assert root.post(address, {"slug": "x", "name": "Cafe\u0301 \U0001fae9"}).status_code == 302
    assert Organization.objects.get(slug="x").name == "Café \U0001fae9"
    assert root.post(address, {"slug": "Not a slug", "name": "y"}).status_code == 200
