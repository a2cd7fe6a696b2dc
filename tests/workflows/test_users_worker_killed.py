"""A worker that is killed in the middle of a user's change: another one finishes it, each step once."""

import signal
from datetime import timedelta
from pathlib import Path

import pytest
from django.core import mail

from holo.audit.models import AuditEvent
from holo.common.ids import uuid7
from holo.deliveries.models import Delivery
from holo.identity.models import Membership, User, UserChange
from holo.identity.roles import Role
from holo.identity.services import request_user_change
from tests.identity.people import Team, build_team
from tests.live import Live, worker_process
from tests.post import send_due
from workflows.runtime import client

Action, State, Notice = UserChange.Action, UserChange.State, UserChange.Notice
# Temporal waits some seconds for the dead worker's response before it gives the step to another one.
PATIENCE = 60.0


def finished_by_another(team: Team, change: UserChange, point: str, folder: Path) -> UserChange:
    """Let a worker die at `point` of the change and another one bring it to its end."""
    planned = {"CRASH_POINT": point, "CRASH_MARK": str(folder / "died")}
    with worker_process(planned, domain="users") as first:
        assert first.wait(PATIENCE) == -signal.SIGKILL
    assert not Delivery.objects.filter(data__change_id=str(change.pk)).exists()
    with worker_process({}, domain="users") as second:
        client.workflow_result(
            workflow_id=change.workflow_id, result_type=dict, timeout=timedelta(seconds=PATIENCE)
        )
        second.send_signal(signal.SIGTERM)
        assert second.wait(60) == 0
    send_due()
    change.refresh_from_db()
    return change


def ask(team: Team, action: UserChange.Action) -> UserChange:
    said = action != Action.DELETE
    return request_user_change(
        actor=team.actor(Role.OWNER),
        reference="user-123",
        action=action,
        email=f"{uuid7().hex}@example.com" if said else "",
        name="Li Na" if said else "",
    )


def told() -> list[str]:
    """Return to whom mail went."""
    return [address for sent in mail.outbox for address in sent.to]


def actions(change: UserChange) -> list[str]:
    rows = AuditEvent.objects.filter(subject_id=str(change.pk)).order_by("id")
    return [row.action.removeprefix("identity.user_") for row in rows]


@pytest.mark.parametrize("point", ["create_user:after_commit", "complete_user_change:after_commit"])
def test_create_whose_worker_is_killed_makes_one_user(point: str, live_relay: Live, tmp_path: Path) -> None:
    team = build_team()
    people = User.objects.count()
    change = finished_by_another(team, ask(team, Action.CREATE), point, tmp_path)
    assert (change.state, change.notice) == (State.SUCCEEDED, Notice.SENT)
    assert User.objects.count() == people + 1
    member = Membership.objects.get(organization=team.organization, reference="user-123")
    assert (member.user_id, member.user.email) == (change.user_id, change.email)
    assert told() == [change.email]
    assert actions(change) == ["change_requested", "created"]


@pytest.mark.parametrize("action", [Action.UPDATE, Action.DELETE])
def test_write_whose_worker_is_killed_is_done_once(
    action: UserChange.Action, live_relay: Live, tmp_path: Path
) -> None:
    team = build_team()
    person = User.objects.create(email=f"{uuid7().hex}@example.com", name="Wang Fang")
    Membership.objects.create(organization=team.organization, user=person, reference="user-123")
    address = person.email
    change = finished_by_another(team, ask(team, action), f"{action}_user:after_commit", tmp_path)
    assert (change.state, change.notice) == (State.SUCCEEDED, Notice.SENT)
    person.refresh_from_db()
    assert person.is_active == (action == Action.UPDATE)
    # A changed address is told to the one before as well.
    assert sorted(told()) == sorted({address, change.email or address})
    assert actions(change) == ["change_requested", f"{action}d"]
