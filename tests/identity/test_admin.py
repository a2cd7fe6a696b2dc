"""Organisations in the admin: memberships by superusers only, projects to look at, an owner is left."""

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from holo.identity.models import Membership, User
from holo.identity.roles import Role
from holo.identity.services import create_project
from orders.groups import ensure_groups
from tests.api.people import build_person
from tests.identity.people import Team, add_member, build_team

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
    client.force_login(User.objects.get(pk=person.pk))
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
    other = build_team().organization
    for changes in ({"role": "admin"}, {"organization": other.pk}):
        answer = root.post(page, data_of(owner, **changes))
        assert answer.status_code == 200
        assert LAST in answer.content.decode()
    delete = reverse("admin:identity_membership_delete", args=[owner.pk])
    assert root.post(delete, {"post": "yes"}).status_code == 403
    owner.refresh_from_db()
    assert (owner.role, owner.organization_id) == (Role.OWNER, team.organization.pk)


def test_superusers_change_and_end_memberships(team: Team, root: Client) -> None:
    add_member(team.organization, Role.OWNER)
    owner = membership(team, Role.OWNER)
    page = reverse("admin:identity_membership_change", args=[owner.pk])
    assert root.post(page, data_of(owner, role="auditor")).status_code == 302
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
