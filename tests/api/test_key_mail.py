"""Whoever a key or token acts for hears of it by mail, with nothing in it that opens anything."""

import pytest
from django.core import mail

from holo.apiauth.models import ApiKey
from holo.apiauth.services import create_api_key, revoke_api_key
from holo.deliveries.models import Delivery
from holo.identity.models import User
from holo.identity.roles import Role
from holo.identity.services import remove_member
from holo.outbox.models import OutboxMessage
from tests.identity.people import Team, build_team
from tests.post import plan_mail, send_mail


@pytest.fixture
def team(fresh_database: str) -> Team:
    """An organisation with a person in each role."""
    return build_team()


def make(team: Team, *, owner: Role | None, by: Role = Role.ADMIN) -> tuple[ApiKey, str]:
    return create_api_key(
        actor=team.actor(by),
        kind=ApiKey.Kind.KEY if owner else ApiKey.Kind.ORGANIZATION,
        owner_id=team.people[owner].pk if owner else None,
        organization_id=team.organization.pk,
        name="deploy",
        scopes=["organization:read"],
    )


def send() -> list[str]:
    """Send what is to be sent; return who got a mail."""
    mail.outbox.clear()
    return [address for sent in send_mail() for address in sent.to]


def test_owner_hears_that_a_key_was_made_and_revoked_and_by_whom(team: Team) -> None:
    key, text = make(team, owner=Role.MEMBER)
    revoke_api_key(actor=team.actor(Role.OWNER), key_id=key.pk)
    revoke_api_key(actor=team.actor(Role.OWNER), key_id=key.pk)
    assert send() == [team.people[Role.MEMBER].email] * 2, "a second revocation changes nothing"
    made, revoked = (f"{sent.subject}\n{sent.body}" for sent in mail.outbox)
    for shown in (key.prefix, "deploy", "organization:read", team.people[Role.ADMIN].email):
        assert shown in made
    assert team.people[Role.OWNER].email in revoked
    rows = [*OutboxMessage.objects.values(), *Delivery.objects.values()]
    assert text not in made + revoked + str(rows)


def test_those_who_manage_hear_of_an_organisations_token(team: Team) -> None:
    make(team, owner=None)
    assert sorted(send()) == sorted(team.people[role].email for role in (Role.OWNER, Role.ADMIN))


def test_whoever_no_longer_manages_the_organisation_hears_nothing_of_its_token(team: Team) -> None:
    """The mail server was away for an hour, and one of them was removed meanwhile."""
    make(team, owner=None)
    plan_mail()
    remove_member(actor=team.actor(Role.OWNER), user_id=team.people[Role.ADMIN].pk)
    assert send() == [team.people[Role.OWNER].email]


def test_nobody_is_written_to_who_is_gone(team: Team) -> None:
    make(team, owner=Role.MEMBER)
    User.objects.filter(pk=team.people[Role.MEMBER].pk).update(is_active=False)
    assert send() == []
    assert Delivery.objects.get().state == Delivery.State.WITHDRAWN
    create_api_key(
        actor=None,
        owner_id=team.people[Role.ADMIN].pk,
        organization_id=team.organization.pk,
        name="",
        scopes=["organization:read"],
    )
    send()
    assert "the system made" in str(mail.outbox[-1].body)
