"""Every step of every change of a user in every state: what the change does not call for does nothing."""

from collections.abc import Callable
from contextlib import suppress

import pytest

from holo.deliveries.models import Delivery
from holo.identity import services
from holo.identity.errors import UserStepNotAllowedError
from holo.identity.models import Membership, User, UserChange
from holo.identity.roles import Role
from tests.identity.people import Team, build_team

pytestmark = pytest.mark.django_db

Action, State = UserChange.Action, UserChange.State
OLD, NEW = "li.wei@example.com", "li.wei.new@example.com"


def ask(team: Team, action: UserChange.Action, email: str = "", name: str = "") -> UserChange:
    return services.request_user_change(
        actor=team.actor(Role.OWNER), reference="user-1", action=action, email=email, name=name
    )


def asked_create(team: Team) -> UserChange:
    return ask(team, Action.CREATE, email=OLD, name="Li Wei")


def with_user(team: Team) -> UserChange:
    change = asked_create(team)
    services.create_user(change_id=change.pk)
    return change


def created(team: Team) -> UserChange:
    change = with_user(team)
    services.complete_user_change(change_id=change.pk)
    return change


def asked_update(team: Team) -> UserChange:
    created(team)
    return ask(team, Action.UPDATE, email=NEW, name="Li Weiwei")


def updated(team: Team) -> UserChange:
    change = asked_update(team)
    services.update_user(change_id=change.pk)
    return change


def asked_delete(team: Team) -> UserChange:
    created(team)
    return ask(team, Action.DELETE)


def deleted(team: Team) -> UserChange:
    change = asked_delete(team)
    services.delete_user(change_id=change.pk)
    return change


def cancelled(team: Team) -> UserChange:
    change = asked_update(team)
    services.cancel_user_change(actor=team.actor(Role.OWNER), change_id=change.pk)
    return change


def closed(team: Team) -> UserChange:
    change = asked_update(team)
    services.close_user_change(change_id=change.pk, code="identity.email_taken")
    return change


STEPS: dict[str, Callable[[UserChange], object]] = {
    "create_user": lambda change: services.create_user(change_id=change.pk),
    "complete_user_change": lambda change: services.complete_user_change(change_id=change.pk),
    "discard_user": lambda change: services.discard_user(change_id=change.pk),
    "update_user": lambda change: services.update_user(change_id=change.pk),
    "delete_user": lambda change: services.delete_user(change_id=change.pk),
    "close_user_change": lambda change: services.close_user_change(change_id=change.pk, code=""),
    "send_notification": lambda change: services.send_notification(change_id=change.pk),
    "record_notification": lambda change: services.record_notification(change_id=change.pk, sent=False),
}
TOLD = {"send_notification", "record_notification"}
# Of each state: what does something there. Nothing else may.
STATES: dict[str, tuple[Callable[[Team], UserChange], set[str]]] = {
    "create asked": (asked_create, {"create_user", "close_user_change"}),
    "user made": (with_user, {"complete_user_change", "discard_user"}),
    "created": (created, TOLD),
    "update asked": (asked_update, {"update_user", "close_user_change"}),
    "updated": (updated, TOLD),
    "delete asked": (asked_delete, {"delete_user", "close_user_change"}),
    "deleted": (deleted, TOLD),
    "cancelled": (cancelled, {"close_user_change"}),
    "closed": (closed, set()),
}


def rows() -> list[object]:
    """Return all that a step could change."""
    return [
        list(model._default_manager.order_by("pk").values())
        for model in (User, Membership, UserChange, Delivery)
    ]


@pytest.mark.parametrize("state", STATES)
def test_step_does_something_where_the_change_calls_for_it_and_nowhere_else(state: str) -> None:
    build, effective = STATES[state]
    change = build(build_team())
    before = rows()
    for step in sorted(STEPS.keys() - effective):
        with suppress(UserStepNotAllowedError):
            STEPS[step](change)
        assert rows() == before, step


@pytest.mark.parametrize(
    ("state", "step"), [(state, step) for state, (_, steps) in STATES.items() for step in sorted(steps)]
)
def test_control_step_that_is_called_for_does_something(state: str, step: str) -> None:
    change = STATES[state][0](build_team())
    before = rows()
    STEPS[step](change)
    assert rows() != before


def test_refusal_says_what_is_allowed() -> None:
    change = asked_update(build_team())
    with pytest.raises(UserStepNotAllowedError) as refused:
        services.delete_user(change_id=change.pk)
    assert refused.value.details == {
        "step": "delete_user",
        "action": "update",
        "status": "running",
        "allowed_actions": ["delete"],
        "allowed_statuses": ["running"],
    }
