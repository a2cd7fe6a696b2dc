"""Members, projects and changes of users at the same instant; first the positive control, without guards."""

import importlib
import threading
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db import IntegrityError, connection, connections

from holo.common.actor import UserId
from holo.common.errors import ThrottledError
from holo.identity import operations
from holo.identity.errors import (
    EmailTakenError,
    EnvironmentSlugTakenError,
    InvitationOverError,
    LastOwnerError,
    ProjectSlugTakenError,
    UserChangeRunningError,
    UserSharedError,
)
from holo.identity.locks import lock_organization
from holo.identity.models import Environment, Invitation, Membership, Project, User, UserChange
from holo.identity.roles import Role
from holo.identity.selectors import is_last_owner
from holo.identity.services import (
    accept_invitation,
    complete_user_change,
    create_environment,
    create_project,
    create_user,
    delete_user,
    invitations,
    invite_member,
    issue_invitation_link,
    remove_member,
    request_user_change,
    update_user,
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


class Meanwhile:
    """Lets another command begin at one place of a command, and waits until it has ended or is held up."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, place: str, other: Callable[[], object]) -> None:
        self.outcome: object = None
        self._other = other
        self._thread = threading.Thread(target=self._run)
        module, _dot, name = place.rpartition(".")
        plain = getattr(importlib.import_module(module), name)

        def passed(*args: Any, **kwargs: Any) -> Any:
            if self._thread.ident is None:
                self._thread.start()
                self._wait()
            return plain(*args, **kwargs)

        monkeypatch.setattr(place, passed)

    def join(self) -> object:
        """Return what became of the other command."""
        self._thread.join(60)
        return self.outcome

    def _run(self) -> None:
        try:
            self.outcome = self._other()
        except Exception as error:  # noqa: BLE001 - handed to the test
            self.outcome = error
        finally:
            connections.close_all()

    def _wait(self) -> None:
        with connection.cursor() as cursor:
            while self._thread.is_alive():
                cursor.execute(
                    "SELECT count(*) FROM pg_locks"
                    " WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"
                )
                if cursor.fetchone() != (0,):
                    return


def invited_elsewhere(action: UserChange.Action, email: str) -> tuple[UserChange, User, str]:
    """Return a change of a person of one organisation, and the token that asks them into another."""
    asked: dict[str, Any] = {"actor": build_team().actor(Role.OWNER), "reference": "user-1"}
    made = request_user_change(action=UserChange.Action.CREATE, email=email, name="Li Wei", **asked)
    create_user(change_id=made.pk)
    complete_user_change(change_id=made.pk)
    # They have accepted an invitation.
    User.objects.filter(email=email).update(login=email)
    wanted: dict[str, Any] = (
        {"email": "new-" + email, "name": "Li Wei"} if action == UserChange.Action.UPDATE else {}
    )
    change = request_user_change(action=action, **wanted, **asked)
    invitation = invite_member(actor=build_team().actor(Role.OWNER), email=email, role=Role.MEMBER)
    issued = issue_invitation_link(invitation_id=invitation.pk)
    assert issued is not None
    return change, User.objects.get(email=email), issued[1]


def test_person_who_has_just_joined_elsewhere_is_not_erased(monkeypatch: pytest.MonkeyPatch) -> None:
    change, person, token = invited_elsewhere(UserChange.Action.DELETE, "li.wei@example.com")
    deleted = Meanwhile(
        monkeypatch,
        "holo.identity.services.invitations.end_invitation",
        lambda: delete_user(change_id=change.pk),
    )
    joined = accept_invitation(token=token, person_id=UserId(person.pk))
    assert deleted.join() is True
    person.refresh_from_db()
    assert (person.email, person.is_active) == ("li.wei@example.com", True)
    assert list(Membership.objects.filter(user=person)) == [joined]


def test_person_who_is_erased_meanwhile_joins_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    change, person, token = invited_elsewhere(UserChange.Action.DELETE, "li.wei@example.com")
    joined = Meanwhile(
        monkeypatch,
        "holo.identity.services.user_changes.erase_person",
        lambda: accept_invitation(token=token, person_id=UserId(person.pk)),
    )
    assert delete_user(change_id=change.pk)
    assert isinstance(joined.join(), InvitationOverError)
    assert not Membership.objects.filter(user=person).exists()


def test_person_who_has_just_joined_elsewhere_is_not_renamed(monkeypatch: pytest.MonkeyPatch) -> None:
    change, person, token = invited_elsewhere(UserChange.Action.UPDATE, "li.wei@example.com")
    updated = Meanwhile(
        monkeypatch,
        "holo.identity.services.invitations.end_invitation",
        lambda: update_user(change_id=change.pk),
    )
    accept_invitation(token=token, person_id=UserId(person.pk))
    assert isinstance(updated.join(), UserSharedError)
    person.refresh_from_db()
    assert person.email == "li.wei@example.com"


@pytest.mark.parametrize("organizations", [1, 2])
def test_of_two_updates_to_one_address_an_organisation_makes_one(organizations: int) -> None:
    """Two organisations make both, and neither learns of the other's."""
    teams = [build_team() for _ in range(organizations)]
    changes = []
    for number in range(2):
        asked: dict[str, Any] = {
            "actor": teams[number % organizations].actor(Role.OWNER),
            "reference": f"user-{number}",
            "name": "Li Wei",
        }
        made = request_user_change(action=UserChange.Action.CREATE, email=f"li.{number}@example.com", **asked)
        create_user(change_id=made.pk)
        complete_user_change(change_id=made.pk)
        changes.append(request_user_change(action=UserChange.Action.UPDATE, email="li@example.com", **asked))
    outcomes = race([lambda change=change: update_user(change_id=change.pk) for change in changes])  # type: ignore[misc]
    wanted = {bool: 2} if organizations == 2 else {bool: 1, EmailTakenError: 1}
    assert Counter(map(type, outcomes)) == wanted
    assert User.objects.filter(email="li@example.com").count() == organizations


def test_of_invitations_to_one_address_at_once_as_many_are_sent_as_the_limit_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(invitations, "MOST_TO_ADDRESS", 3)
    invite = partial(invite_member, email="new@example.com", role=Role.MEMBER)
    outcomes = race([partial(invite, actor=build_team().actor(Role.OWNER))] * 8)
    assert sum(isinstance(outcome, ThrottledError) for outcome in outcomes) == 8 - 3
    assert Invitation.objects.count() == 3
