"""From the invitation to the membership: the link is mailed, works once, and gives what was meant."""

import re
import threading
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.hashers import make_password
from django.core import mail
from django.db import IntegrityError
from django.db.models.functions import Now
from django.test import Client
from django.utils import timezone

from holo.audit.models import AuditEvent
from holo.common.actor import UserId
from holo.common.errors import NotFoundError
from holo.common.logs import TextFormatter
from holo.deliveries.models import Delivery
from holo.identity.errors import (
    AlreadyMemberError,
    InvitationOverError,
    LastOwnerError,
    PersonKnownError,
    RoleNotHeldError,
    RoleRequiredError,
)
from holo.identity.models import Invitation, Membership, User
from holo.identity.roles import Role
from holo.identity.services import (
    accept_invitation,
    invite_member,
    issue_invitation_link,
    remove_member,
    revoke_invitation,
)
from holo.outbox.models import OutboxMessage
from tests.api.people import PASSWORD, build_person
from tests.conftest import OwnerAccess
from tests.identity.people import Team, build_team
from tests.logins import log_in
from tests.planting import plant
from tests.post import plan_mail, send_due
from tests.racing import race

OPEN, ACCEPTED, REVOKED = Invitation.State.OPEN, Invitation.State.ACCEPTED, Invitation.State.REVOKED
NEW = "new@example.com"
GOOD = {"name": "New", "new_password1": PASSWORD, "new_password2": PASSWORD}


@pytest.fixture
def team(fresh_database: str) -> Team:
    return build_team()


def mail_again(*invitations: Invitation) -> int:
    """Send the mail of invitations, sent before or not; return how many mails went out."""
    plan_mail()
    for invitation in invitations:
        about = Delivery.objects.filter(data__invitation_id=str(invitation.pk))
        # One that has ended is never sent again: another one takes its place.
        for ended in about.exclude(state=Delivery.State.WAITING):
            ended.delete()
            Delivery.objects.create(
                organization_id=ended.organization_id,
                kind=ended.kind,
                source=ended.source,
                data=ended.data,
                address=invitation.email,
                available_at=Now(),
            )
        about.update(available_at=Now())
    before = len(mail.outbox)
    send_due()
    return len(mail.outbox) - before


def link_of(invitation: Invitation) -> str:
    """Return the secret of the mail that is sent about an invitation."""
    assert mail_again(invitation) >= 1
    body = next(str(sent.body) for sent in reversed(mail.outbox) if sent.to == [invitation.email])
    found = re.search(r"/invitations/(\S+)", body)
    assert found is not None
    return found[1]


def invite(team: Team, email: str = NEW, role: Role = Role.MEMBER) -> Invitation:
    return invite_member(actor=team.actor(Role.OWNER), email=email, role=role)


def role_of(team: Team, email: str) -> str | None:
    found = Membership.objects.filter(organization=team.organization, user__email=email).first()
    return found.role if found else None


def test_an_invitation_is_mailed_and_kept_only_as_a_hash(team: Team, settings: LazySettings) -> None:
    settings.PUBLIC_URL = "https://holo.example"
    invitation = invite(team, email="New@Example.com", role=Role.ADMIN)
    message = OutboxMessage.objects.get(topic="identity.member_invited")
    assert message.payload == {"invitation_id": str(invitation.pk)}
    assert invitation.token_hash is None
    token = link_of(invitation)
    assert len(token) >= 43
    sent = mail.outbox[0]
    assert sent.to == [NEW]
    assert team.organization.name in sent.subject
    assert f"https://holo.example/invitations/{token}" in sent.body
    assert "as admin" in sent.body
    invitation.refresh_from_db()
    assert token not in str(list(Invitation.objects.values()))
    assert token not in str(list(OutboxMessage.objects.values()))
    assert token not in str(list(Delivery.objects.values()))
    assert NEW not in str(list(AuditEvent.objects.values()))


def test_a_new_person_joins_with_name_and_password(team: Team) -> None:
    invitation = invite(team, role=Role.AUDITOR)
    token = link_of(invitation)
    client = Client(enforce_csrf_checks=True)
    page = client.get(f"/invitations/{token}")
    assert (page.status_code, "no-store" in page["Cache-Control"]) == (200, True)
    assert client.post(f"/invitations/{token}", GOOD).status_code == 403, "without the CSRF token"
    csrf = {"csrfmiddlewaretoken": client.cookies["csrftoken"].value}
    answer = client.post(f"/invitations/{token}", {**GOOD, **csrf})
    assert (answer.status_code, answer.templates[0].name) == (200, "identity/invitation_accepted.html")
    person = User.objects.get(email=NEW)
    assert (person.name, person.check_password(PASSWORD), person.is_staff) == ("New", True, False)
    assert role_of(team, NEW) == "auditor"
    invitation.refresh_from_db()
    assert (invitation.state, invitation.ended_at is not None) == (ACCEPTED, True)
    accepted = AuditEvent.objects.get(action="identity.invitation_accepted")
    assert (accepted.actor_id, accepted.organization_id) == (person.pk, team.organization.pk)
    assert client.get(f"/invitations/{token}").status_code == 404


def test_no_log_line_shows_the_link(team: Team, caplog: pytest.LogCaptureFixture) -> None:
    token = link_of(invite(team))
    client = Client(enforce_csrf_checks=True)
    client.get(f"/invitations/{token}")
    client.post(f"/invitations/{token}", GOOD)
    lines = [TextFormatter().format(record) for record in caplog.records]
    assert sum(token in record.getMessage() for record in caplog.records) >= 3, "the control"
    assert sum("/invitations/[redacted]" in line for line in lines) >= 3
    assert not any(token in line for line in lines)


@pytest.mark.parametrize(
    "spoilt",
    [
        {"name": ""},
        {"new_password2": PASSWORD + "x"},
        {"new_password1": "short", "new_password2": "short"},
        {"new_password1": "password1234", "new_password2": "password1234"},
        {"name": "n" * 151},
        {"name": "a\x00b"},
    ],
)
def test_a_bad_form_changes_nothing_and_says_why(team: Team, spoilt: dict[str, str]) -> None:
    token = link_of(invite(team))
    answer = Client().post(f"/invitations/{token}", {**GOOD, **spoilt})
    assert answer.status_code == 200
    assert "errorlist" in answer.content.decode()
    assert not User.objects.filter(email=NEW).exists()
    assert Invitation.objects.get().state == OPEN


def test_who_has_an_account_shows_its_password(team: Team) -> None:
    person = build_person(organization=None)
    token = link_of(invite(team, email=person.email.upper(), role=Role.OWNER))
    client = Client()
    assert client.post(f"/invitations/{token}", {"password": "wrong"}).status_code == 200
    assert client.post(f"/invitations/{token}", GOOD).status_code == 200
    assert (role_of(team, person.email), User.objects.get(pk=person.pk).name) == (None, "")
    client.post(f"/invitations/{token}", {"password": PASSWORD})
    assert role_of(team, person.email) == "owner"


def test_who_is_logged_in_for_another_organisation_accepts(team: Team) -> None:
    person = build_person(organization=build_team().organization)
    User.objects.filter(pk=person.pk).update(is_staff=True)
    token = link_of(invite(team, email=person.email))
    client = Client()
    log_in(client, User.objects.get(pk=person.pk))
    assert client.get(f"/invitations/{token}").status_code == 200
    client.post(f"/invitations/{token}", {"password": PASSWORD})
    assert role_of(team, person.email) == "member"
    assert client.get("/admin/").status_code == 200


def test_who_was_deactivated_does_not_come_back_by_invitation(team: Team) -> None:
    person = build_person(organization=None)
    token = link_of(invite(team, email=person.email))
    User.objects.filter(pk=person.pk).update(is_active=False)
    answer = Client().post(f"/invitations/{token}", {"password": PASSWORD})
    assert "errorlist" in answer.content.decode()
    with pytest.raises(InvitationOverError):
        accept_invitation(token=token, person_id=UserId(person.pk))
    assert role_of(team, person.email) is None


def test_an_invitation_is_for_one_address(team: Team) -> None:
    token = link_of(invite(team))
    with pytest.raises(InvitationOverError):
        accept_invitation(token=token, person_id=UserId(build_person(organization=None).pk))
    person = User.objects.create_user(NEW, PASSWORD)
    with pytest.raises(PersonKnownError):
        accept_invitation(token=token, name="x", password_hash="x")
    assert (User.objects.get(pk=person.pk).check_password(PASSWORD), role_of(team, NEW)) == (True, None)


def made_by_a_system(team: Team, email: str = NEW) -> User:
    """Return somebody whom an organisation's own systems have made."""
    person = User.objects.create(email=email, name="As a system wrote it", password="!")
    Membership.objects.create(organization=team.organization, user=person, reference="user-1")
    return person


def test_account_that_another_organisation_made_keeps_nobody_out(team: Team) -> None:
    """Two accounts have the address; the link shows which one logs in with it."""
    elsewhere = build_team()
    other = made_by_a_system(elsewhere)
    client, page = Client(), f"/invitations/{link_of(invite(team))}"
    assert "new_password1" in client.get(page).content.decode()
    assert client.post(page, GOOD).status_code == 200
    person = User.objects.called(NEW).get()
    assert (person.name, person.check_password(PASSWORD), role_of(team, NEW)) == ("New", True, Role.MEMBER)
    other.refresh_from_db()
    assert (other.name, other.login, other.is_unclaimed) == ("As a system wrote it", None, True)
    # Once they accept that one's invitation too, they are one person, known to its systems as before.
    page = f"/invitations/{link_of(invite(elsewhere))}"
    assert "new_password1" not in client.get(page).content.decode()
    assert client.post(page, {"password": PASSWORD}).status_code == 200
    joined = person.memberships.get(organization=elsewhere.organization)
    assert (joined.reference, joined.role) == ("user-1", Role.MEMBER)
    assert not User.objects.filter(pk=other.pk).exists()


def test_account_that_its_own_system_made_is_taken_by_invitation(team: Team) -> None:
    person = made_by_a_system(team)
    page = f"/invitations/{link_of(invite(team, role=Role.ADMIN))}"
    assert Client().post(page, GOOD).status_code == 200
    person.refresh_from_db()
    assert (person.name, person.login, person.check_password(PASSWORD)) == ("New", NEW, True)
    # What they are stays.
    assert (role_of(team, NEW), person.memberships.get().reference) == (Role.MEMBER, "user-1")


def test_unused_account_that_is_another_organisations_too_stays_there(team: Team) -> None:
    elsewhere = build_team()
    User.objects.create_user(NEW, PASSWORD)
    shared = made_by_a_system(team)
    Membership.objects.create(organization=elsewhere.organization, user=shared, role=Role.ADMIN)
    page = f"/invitations/{link_of(invite(team))}"
    assert Client().post(page, {"password": PASSWORD}).status_code == 200
    shared.refresh_from_db()
    assert (shared.email, shared.is_unclaimed) == (NEW, True)
    assert [member.role for member in shared.memberships.all()] == [Role.ADMIN]


def test_place_of_the_only_owner_is_not_taken(team: Team) -> None:
    User.objects.create_user(NEW, PASSWORD)
    unused = made_by_a_system(team)
    Membership.objects.filter(user=unused).update(role=Role.OWNER)
    with pytest.raises(LastOwnerError):
        remove_member(actor=team.actor(Role.OWNER), user_id=team.people[Role.OWNER].pk)
    # An administrator of Holo has ended that membership all the same.
    Membership.objects.filter(user=team.people[Role.OWNER]).delete()
    invitation = invite_member(actor=team.actor(Role.ADMIN), email=NEW, role=Role.MEMBER)
    page = f"/invitations/{link_of(invitation)}"
    answer = Client().post(page, {"password": PASSWORD})
    assert "make somebody else one first" in answer.content.decode()
    Membership.objects.filter(user=team.people[Role.ADMIN]).update(role=Role.OWNER)
    assert Client().post(page, {"password": PASSWORD}).status_code == 200
    joined = User.objects.called(NEW).get().memberships.get()
    assert (joined.role, joined.reference) == (Role.OWNER, "user-1")


def test_another_address_is_logged_in_with_once_its_invitation_is_accepted(team: Team) -> None:
    person = User.objects.create_user("before@example.com", PASSWORD)
    Membership.objects.create(organization=team.organization, user=person, reference="user-1")
    User.objects.filter(pk=person.pk).update(email=NEW)
    page = f"/invitations/{link_of(invite(team))}"
    assert "new_password1" not in Client().get(page).content.decode()
    assert "The password is wrong." in Client().post(page, {"password": "another"}).content.decode()
    person.refresh_from_db()
    assert person.login == "before@example.com"
    assert Client().post(page, {"password": PASSWORD}).status_code == 200
    person.refresh_from_db()
    assert person.login == NEW


def test_of_two_who_accept_at_once_in_two_organisations_one_gets_the_address(team: Team) -> None:
    tokens = [link_of(invite(team)), link_of(invite(build_team()))]

    def accept(token: str) -> object:
        return accept_invitation(token=token, name="Wang Fang", password_hash=make_password(PASSWORD))

    outcomes = race([lambda token=token: accept(token) for token in tokens])  # type: ignore[misc]
    assert Counter(map(type, outcomes)) == {Membership: 1, PersonKnownError: 1}
    assert User.objects.called(NEW).count() == 1


@pytest.mark.parametrize(
    "fields",
    [{"is_staff": True}, {"is_superuser": True}, {"is_active": False}, {"last_login": timezone.now()}],
)
def test_account_without_a_password_that_is_somebodys_is_not_taken(
    team: Team, fields: dict[str, Any]
) -> None:
    User.objects.create_user(NEW, None, **fields)
    token = link_of(invite(team))
    assert "new_password1" not in Client().get(f"/invitations/{token}").content.decode()
    with pytest.raises(PersonKnownError):
        accept_invitation(token=token, name="x", password_hash="x")
    assert role_of(team, NEW) is None


def test_a_second_invitation_replaces_the_first(team: Team) -> None:
    first = link_of(invite(team))
    second = link_of(invite(team, email=NEW.upper(), role=Role.ADMIN))
    client = Client()
    assert [client.get(f"/invitations/{token}").status_code for token in (first, second)] == [404, 200]
    assert sorted(Invitation.objects.values_list("state", flat=True)) == ["open", "revoked"]


def test_a_mail_that_is_sent_again_carries_the_link_that_works(team: Team) -> None:
    invitation = invite(team)
    first, second = link_of(invitation), link_of(invitation)
    client = Client()
    assert [client.get(f"/invitations/{token}").status_code for token in (first, second)] == [404, 200]


def test_a_revoked_or_old_invitation_leads_nowhere_and_is_not_mailed(team: Team) -> None:
    revoked, old = invite(team), invite(team, email="old@example.com")
    tokens = [link_of(revoked), link_of(old)]
    actor = team.actor(Role.OWNER)
    assert revoke_invitation(actor=actor, invitation_id=revoked.pk).state == REVOKED
    ended_at = revoke_invitation(actor=actor, invitation_id=revoked.pk).ended_at
    assert Invitation.objects.get(pk=revoked.pk).ended_at == ended_at
    plant(Invitation.objects.filter(pk=old.pk), expires_at=timezone.now() - timedelta(seconds=1))
    pages = [Client().get(f"/invitations/{token}") for token in (*tokens, "made-up")]
    assert [page.status_code for page in pages] == [404, 404, 404]
    assert len({page.content for page in pages}) == 1
    for token in tokens:
        with pytest.raises(InvitationOverError):
            accept_invitation(token=token, name="x", password_hash="x")
    assert mail_again(revoked, old) == 0
    assert set(Delivery.objects.values_list("state", flat=True)) == {Delivery.State.WITHDRAWN}
    assert AuditEvent.objects.filter(action="identity.invitation_revoked").count() == 1


@pytest.mark.parametrize(
    ("role", "gives", "refusal"),
    [
        (Role.ADMIN, Role.OWNER, RoleNotHeldError),
        (Role.ADMIN, Role.AUDITOR, RoleNotHeldError),
        (Role.MEMBER, Role.MEMBER, RoleRequiredError),
        (Role.AUDITOR, Role.AUDITOR, RoleRequiredError),
    ],
)
def test_nobody_invites_to_or_revokes_a_role_they_lack(
    team: Team, role: Role, gives: Role, refusal: type[Exception]
) -> None:
    actor = team.actor(role)
    with pytest.raises(refusal):
        invite_member(actor=actor, email=NEW, role=gives)
    invitation = invite(team, role=gives)
    with pytest.raises(refusal):
        revoke_invitation(actor=actor, invitation_id=invitation.pk)
    assert Invitation.objects.get().state == OPEN
    assert AuditEvent.objects.filter(action__startswith="identity.").count() == 1


def test_invitations_of_others_are_not_found_and_members_not_invited(team: Team) -> None:
    foreign = invite(build_team())
    with pytest.raises(NotFoundError):
        revoke_invitation(actor=team.actor(Role.OWNER), invitation_id=foreign.pk)
    with pytest.raises(AlreadyMemberError):
        invite(team, email=team.people[Role.MEMBER].email.upper())
    assert Invitation.objects.get().state == OPEN


def test_who_became_a_member_meanwhile_keeps_the_role(team: Team) -> None:
    person = build_person(organization=None)
    token = link_of(invite(team, email=person.email, role=Role.MEMBER))
    Membership.objects.create(organization=team.organization, user=person, role=Role.ADMIN)
    accept_invitation(token=token, person_id=UserId(person.pk))
    assert role_of(team, person.email) == "admin"


def test_of_equal_acceptances_one_joins(team: Team) -> None:
    invitation = invite(team)
    issued = issue_invitation_link(invitation_id=invitation.pk)
    assert issued is not None
    token = issued[1]
    outcomes = race([lambda: accept_invitation(token=token, name="New", password_hash="x")] * 8)
    assert sum(isinstance(outcome, Membership) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, InvitationOverError) for outcome in outcomes) == 7
    assert (User.objects.filter(email=NEW).count(), role_of(team, NEW)) == (1, "member")


def test_of_equal_invitations_one_is_open(team: Team) -> None:
    outcomes = race([lambda: invite(team)] * 8)
    assert all(isinstance(outcome, Invitation) for outcome in outcomes)
    assert Invitation.objects.filter(state=OPEN).count() == 1


def test_without_the_lock_all_but_one_fail(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """The positive control: each has ended what was open, and the index lets one of them make its own."""
    monkeypatch.setattr("holo.identity.operations.lock_organization", lambda _organization: None)
    all_have_looked, create = threading.Barrier(8), Invitation.objects.create

    def wait_then_create(**columns: Any) -> Invitation:
        all_have_looked.wait(60)
        return create(**columns)

    monkeypatch.setattr(Invitation.objects, "create", wait_then_create)
    outcomes = race([lambda: invite(team)] * 8)
    assert sum(isinstance(outcome, IntegrityError) for outcome in outcomes) == 7
    assert Invitation.objects.filter(state=OPEN).count() == 1


def test_the_database_keeps_an_ended_invitation_consistent(team: Team, owner: OwnerAccess) -> None:
    invite(team)
    for change in ("state = 'accepted'", "ended_at = now()", "role = 'king'", "state = 'lost'"):
        with pytest.raises(Exception, match="identity_invitation_"):
            owner.execute(f"UPDATE identity_invitation SET {change}")
    assert Invitation.objects.get().state == OPEN
