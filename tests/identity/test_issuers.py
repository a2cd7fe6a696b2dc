"""An invitation, or a change of a user, is carried out only while its issuer still has the right to it."""

from collections.abc import Callable

import pytest
from django.db.models.functions import Now
from django.test import Client

from holo.apiauth.models import ApiKey
from holo.apiauth.services import create_api_key, revoke_api_key, rotate_api_key
from holo.audit.models import AuditEvent
from holo.common.actor import Actor, OrganizationId
from holo.identity import issuers, services
from holo.identity.errors import InvitationOverError, RoleNotHeldError, RoleRequiredError
from holo.identity.models import Invitation, Membership, User, UserChange
from holo.identity.roles import Role
from tests.identity.people import Team, actor_of, add_member, build_team
from tests.planting import plant_in

pytestmark = pytest.mark.django_db
OPEN, REVOKED = Invitation.State.OPEN, Invitation.State.REVOKED
Action = UserChange.Action
NEW = "second-account@example.com"


@pytest.fixture
def team() -> Team:
    """An organisation with a second owner, who stays."""
    return build_team()


def second_owner(team: Team) -> User:
    return add_member(team.organization, Role.OWNER)


def invite(actor: Actor, role: Role = Role.OWNER, email: str = NEW) -> tuple[Invitation, str]:
    """Invite somebody; return the row and the secret of the link."""
    invitation = services.invite_member(actor=actor, email=email, role=role)
    issued = services.issue_invitation_link(invitation_id=invitation.pk)
    assert issued is not None
    return issued


def works(token: str) -> bool:
    """Tell whether a link shows its page and can be accepted; both or neither."""
    shown = Client().get(f"/invitations/{token}").status_code == 200
    try:
        services.accept_invitation(token=token, name="New", password_hash="x")
    except InvitationOverError:
        accepted = False
    else:
        accepted = True
    assert shown == accepted
    return accepted


def leave(team: Team, person: User) -> None:
    services.remove_member(actor=team.actor(Role.OWNER), user_id=person.pk)


def demote(team: Team, person: User) -> None:
    services.change_member_role(actor=team.actor(Role.OWNER), user_id=person.pk, role=Role.ADMIN)


def deactivate(_team: Team, person: User) -> None:
    User.objects.filter(pk=person.pk).update(is_active=False)


def lose_row(_team: Team, person: User) -> None:
    Membership.objects.filter(user=person).delete()


LOSSES: dict[str, Callable[[Team, User], None]] = {
    "removed": leave,
    "demoted": demote,
    "deactivated": deactivate,
    "membership gone without a command": lose_row,
}


def test_control_link_of_an_owner_makes_an_owner(team: Team) -> None:
    _invitation, token = invite(actor_of(second_owner(team), team.organization))
    assert works(token)
    assert Membership.objects.get(user__email=NEW).role == Role.OWNER


@pytest.mark.parametrize("loss", LOSSES)
def test_open_link_ends_with_what_its_sender_may(team: Team, loss: str) -> None:
    person = second_owner(team)
    invitation, token = invite(actor_of(person, team.organization))
    LOSSES[loss](team, person)
    assert not works(token)
    assert not User.objects.filter(email=NEW).exists()
    assert services.issue_invitation_link(invitation_id=invitation.pk) is None


@pytest.mark.parametrize(("loss", "left"), [(leave, []), (demote, [Role.MEMBER])])
def test_removing_and_demoting_revoke_what_could_not_be_sent_now(
    team: Team, loss: Callable[[Team, User], None], left: list[Role]
) -> None:
    person = second_owner(team)
    sent = {
        role: invite(actor_of(person, team.organization), role, f"{role}@example.com")[0]
        for role in (Role.OWNER, Role.MEMBER)
    }
    others, _token = invite(team.actor(Role.OWNER), email="other@example.com")
    loss(team, person)
    assert [Role(row.role) for row in Invitation.objects.filter(invited_by=person, state=OPEN)] == left
    others.refresh_from_db()
    assert others.state == OPEN
    revoked = {str(row.pk) for role, row in sent.items() if role not in left}
    rows = AuditEvent.objects.filter(action="identity.invitation_revoked")
    assert {(row.subject_id, row.actor_id) for row in rows} == {
        (pk, team.people[Role.OWNER].pk) for pk in revoked
    }


def token(team: Team) -> tuple[ApiKey, Actor]:
    """Make a token of the organisation."""
    key, _text = create_api_key(
        actor=None,
        owner_id=None,
        organization_id=team.organization.pk,
        name="HR",
        scopes=["users:write", "organization:write"],
        kind=ApiKey.Kind.ORGANIZATION,
    )
    organization = OrganizationId(team.organization.pk)
    label = f"token {key.prefix}"
    return key, Actor(user_id=None, organization_id=organization, label=label, api_key_id=key.pk)


def revoke(key: ApiKey) -> None:
    revoke_api_key(actor=None, key_id=key.pk)


def expire(key: ApiKey) -> None:
    ApiKey.objects.filter(pk=key.pk).update(expires_at=Now())


@pytest.mark.parametrize("end", [revoke, expire])
def test_link_of_a_token_ends_with_the_token(team: Team, end: Callable[[ApiKey], None]) -> None:
    key, actor = token(team)
    _invitation, link = invite(actor, Role.MEMBER)
    end(key)
    assert not works(link)


def test_link_of_a_token_that_was_replaced_works(team: Team) -> None:
    key, actor = token(team)
    _invitation, link = invite(actor, Role.MEMBER)
    rotate_api_key(actor=None, key_id=key.pk)
    expire(key)
    assert works(link)


def ask(actor: Actor, action: UserChange.Action, reference: str = "user-1") -> UserChange:
    email, name = ("", "") if action == Action.DELETE else (NEW, "Li Wei")
    return services.request_user_change(
        actor=actor, reference=reference, action=action, email=email, name=name
    )


def known(team: Team, role: Role = Role.MEMBER) -> Membership:
    """Make a member whom the organisation's systems call `user-1`."""
    member = Membership.objects.get(user=add_member(team.organization, role))
    plant_in(member, reference="user-1")
    return member


def test_change_runs_as_its_token_and_says_so(team: Team) -> None:
    known(team)
    key, actor = token(team)
    change = ask(actor, Action.DELETE)
    assert services.delete_user(change_id=change.pk)
    rows = AuditEvent.objects.filter(subject_id=change.pk)
    assert {(row.action, row.actor_label, row.api_key_id, row.actor_id) for row in rows} == {
        (action, f"token {key.prefix}", key.pk, None)
        for action in ("identity.user_change_requested", "identity.user_deleted")
    }


def test_token_does_not_delete_who_has_become_an_owner_meanwhile(team: Team) -> None:
    member = known(team)
    _key, actor = token(team)
    change = ask(actor, Action.DELETE)
    Membership.objects.filter(pk=member.pk).update(role=Role.OWNER)
    with pytest.raises(RoleNotHeldError):
        services.delete_user(change_id=change.pk)
    assert Membership.objects.filter(pk=member.pk).exists()


@pytest.mark.parametrize("end", [revoke, expire])
def test_change_of_a_token_that_has_ended_is_refused_at_each_step(
    team: Team, end: Callable[[ApiKey], None]
) -> None:
    known(team)
    key, actor = token(team)
    deletion, creation = ask(actor, Action.DELETE), ask(actor, Action.CREATE, "user-2")
    end(key)
    for step, change in (
        (services.delete_user, deletion),
        (services.create_user, creation),
    ):
        with pytest.raises(RoleRequiredError):
            services.validate_user(change_id=change.pk, run_id="run")
        with pytest.raises(RoleRequiredError):
            step(change_id=change.pk)
    assert Membership.objects.filter(reference="user-1").exists()
    assert not User.objects.filter(email=NEW).exists()


def test_change_of_a_person_who_was_deactivated_is_refused(team: Team) -> None:
    known(team)
    person = second_owner(team)
    change = ask(actor_of(person, team.organization), Action.DELETE)
    deactivate(team, person)
    with pytest.raises(RoleRequiredError):
        services.delete_user(change_id=change.pk)


def test_control_without_the_check_of_tokens_a_revoked_one_goes_on(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuers, "_checks", [])
    known(team)
    key, actor = token(team)
    change = ask(actor, Action.DELETE)
    revoke(key)
    assert services.delete_user(change_id=change.pk)
