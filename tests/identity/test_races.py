"""Members, projects and changes of users at the same instant; first the positive control, without guards."""

import threading
from collections import Counter
from typing import Any

import pytest
from django.db import IntegrityError

from holo.identity import operations
from holo.identity.errors import (
    EnvironmentSlugTakenError,
    LastOwnerError,
    ProjectSlugTakenError,
    UserChangeRunningError,
)
from holo.identity.locks import lock_organization
from holo.identity.models import Environment, Membership, Project, UserChange
from holo.identity.roles import Role
from holo.identity.selectors import is_last_owner
from holo.identity.services import (
    create_environment,
    create_project,
    remove_member,
    request_user_change,
)
from tests.conftest import OwnerAccess
from tests.identity.people import actor_of, add_member, build_team
from tests.proof import rounds
from tests.racing import race

pytestmark = pytest.mark.usefixtures("fresh_database")

NO_TRIGGER = "DROP TRIGGER identity_membership_keeps_an_owner_d ON identity_membership"


def both_owners_leave() -> tuple[int, list[type]]:
    """Return how many owners are left, and what became of the calls."""
    team = build_team()
    owners = [team.people[Role.OWNER], add_member(team.organization, Role.OWNER)]
    outcomes = race(
        [
            lambda owner=owner: remove_member(  # type: ignore[misc]
                actor=actor_of(owner, team.organization), user_id=owner.pk
            )
            for owner in owners
        ]
    )
    left = Membership.objects.filter(organization=team.organization, role=Role.OWNER).count()
    return left, sorted((type(outcome) for outcome in outcomes), key=str)


def without_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the lock away, and let both look before either one leaves."""
    monkeypatch.setattr(operations, "lock_organization", lambda _organization: None)
    both_have_looked = threading.Barrier(2)

    def look_then_wait(membership_id: int) -> bool:
        answer = is_last_owner(membership_id)
        both_have_looked.wait(60)
        return answer

    monkeypatch.setattr("holo.identity.services.members.is_last_owner", look_then_wait)


def test_without_lock_and_trigger_no_owner_is_left(
    monkeypatch: pytest.MonkeyPatch, owner: OwnerAccess
) -> None:
    owner.execute(NO_TRIGGER)
    without_lock(monkeypatch)
    assert both_owners_leave() == (0, [Membership, Membership])


def test_without_lock_the_trigger_keeps_one(monkeypatch: pytest.MonkeyPatch) -> None:
    without_lock(monkeypatch)
    left, outcomes = both_owners_leave()
    assert left == 1
    assert set(outcomes) == {Membership, IntegrityError}


def test_of_two_owners_who_leave_one_stays() -> None:
    for _ in range(rounds(100)):
        left, outcomes = both_owners_leave()
        assert (left, set(outcomes)) == (1, {Membership, LastOwnerError})


def test_of_equal_short_names_one_project_is_made() -> None:
    team = build_team()
    actor = team.actor(Role.OWNER)
    outcomes = race([lambda: create_project(actor=actor, slug="shop", name="Shop")] * 8)
    made = [outcome for outcome in outcomes if isinstance(outcome, Project)]
    assert (len(made), Project.objects.count(), made[0].environments.count()) == (1, 1, 3)
    assert sum(isinstance(outcome, ProjectSlugTakenError) for outcome in outcomes) == 7


def test_the_lock_needs_a_transaction() -> None:
    with pytest.raises(Exception, match="transaction"):
        lock_organization(build_team().actor(Role.OWNER).organization_id)


def test_of_equal_environments_at_once_one_is_made() -> None:
    actor = build_team().actor(Role.OWNER)
    create_project(actor=actor, slug="shop", name="Shop")
    kind = Environment.Kind.PREVIEW
    outcomes = race(
        [lambda: create_environment(actor=actor, project_slug="shop", slug="pr-1", kind=kind)] * 8
    )
    assert Counter(map(type, outcomes)) == {Environment: 1, EnvironmentSlugTakenError: 7}


def test_of_equal_changes_of_a_user_at_once_one_is_accepted() -> None:
    actor = build_team().actor(Role.OWNER)
    wanted: dict[str, Any] = {
        "reference": "u-1",
        "action": UserChange.Action.CREATE,
        "email": "u@example.com",
        "name": "Uma",
    }
    outcomes = race([lambda: request_user_change(actor=actor, **wanted)] * 8)
    assert Counter(map(type, outcomes)) == {UserChange: 1, UserChangeRunningError: 7}
