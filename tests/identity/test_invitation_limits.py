"""Within a day an organisation sends a limited number of invitations, and fewer to one address."""

from datetime import timedelta

import pytest
from django.utils import timezone

from holo.common.errors import ThrottledError
from holo.identity.models import Invitation
from holo.identity.roles import Role
from holo.identity.services import invitations, invite_member
from tests.identity.people import Team, build_team
from tests.planting import plant

pytestmark = pytest.mark.django_db


def invite(team: Team, email: str = "new@example.com") -> Invitation:
    return invite_member(actor=team.actor(Role.OWNER), email=email, role=Role.MEMBER)


def test_organisation_sends_so_many_to_an_address_within_a_day() -> None:
    team = build_team()
    for number in range(invitations.MOST_TO_ADDRESS):
        invite(team, "New@Example.com" if number % 3 else "new@example.com")
    with pytest.raises(ThrottledError, match="too many invitations") as refused:
        invite(team)
    assert refused.value.details == {"limit": "invitations"}
    assert invite(team, "other@example.com").state == Invitation.State.OPEN
    plant(Invitation.objects.filter(email="new@example.com"), created_at=timezone.now() - timedelta(days=1))
    assert invite(team).state == Invitation.State.OPEN


def test_what_others_send_to_an_address_neither_blocks_nor_tells() -> None:
    others = build_team()
    for _number in range(invitations.MOST_TO_ADDRESS):
        invite(others)
    assert invite(build_team()).state == Invitation.State.OPEN


def test_organisation_sends_so_many_within_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invitations, "MOST_OF_ORGANIZATION", 3)
    team = build_team()
    for number in range(3):
        invite(team, f"new{number}@example.com")
    with pytest.raises(ThrottledError, match="too many invitations"):
        invite(team, "new4@example.com")
    assert Invitation.objects.filter(organization=team.organization).count() == 3
    invite(build_team(), "new4@example.com")
