"""What the corpus holds of the changes of users: one history for each branch of their workflow."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Any

import psycopg
from django.conf import settings
from django.utils import timezone
from temporalio.client import Client

from holo.common.ids import uuid7
from holo.identity.models import UserChange
from holo.identity.roles import Role
from tests.identity.people import Team
from tests.live import eventually
from workflows.runtime import client
from workflows.users.reconcile import TASK_QUEUE, input_of
from workflows.users.workflow import UserWorkflow

# What the recorded changes are about; none of it may be in a history.
NAME, REFERENCE, MAIL_DOMAIN = "Ouyang Xiu", "customer-4711", "recorded.example"
PATIENCE = 60.0
Action = UserChange.Action
# Plays a branch and returns the workflow id.
Play = Callable[[Team], str]


def _row(team: Team, action: UserChange.Action, **fields: Any) -> UserChange:
    said = {} if action == Action.DELETE else {"email": f"{uuid7().hex}@{MAIL_DOMAIN}", "name": NAME}
    owner = team.people[Role.OWNER]
    columns = {"action": action, "reference": REFERENCE, "requested_by": owner, **said, **fields}
    return UserChange.objects.create(organization=team.organization, **columns)


def _start(change: UserChange, *, signal: str | None = None) -> str:
    async def start(connected: Client) -> None:
        await connected.start_workflow(
            UserWorkflow.run,
            input_of(change.pk, change.action),
            id=change.workflow_id,
            task_queue=TASK_QUEUE,
            start_signal=signal,
        )

    client.call(start)
    return change.workflow_id


def _ended(workflow_id: str) -> str:
    patience = timedelta(seconds=PATIENCE)
    client.workflow_result(workflow_id=workflow_id, result_type=dict, timeout=patience)
    return workflow_id


def _created(team: Team) -> str:
    return _ended(_start(_row(team, Action.CREATE)))


def _changed(team: Team, action: UserChange.Action) -> str:
    _created(team)
    return _ended(_start(_row(team, action)))


def _refused(team: Team) -> str:
    _created(team)
    return _ended(_start(_row(team, Action.CREATE)))


def _cancelled(team: Team) -> str:
    return _ended(_start(_row(team, Action.CREATE, cancel_requested_at=timezone.now())))


def _cancelled_at_once(team: Team) -> str:
    """The signal comes with the start, so it is there before the first step."""
    return _ended(_start(_row(team, Action.CREATE), signal="cancel"))


@contextmanager
def _trigger(name: str, condition: str, body: str) -> Iterator[None]:
    _as_owner(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$;"
        f"CREATE TRIGGER {name} BEFORE UPDATE ON identity_userchange FOR EACH ROW"
        f" WHEN ({condition}) EXECUTE FUNCTION {name}();"
    )
    try:
        yield
    finally:
        _as_owner(f"DROP TRIGGER {name} ON identity_userchange; DROP FUNCTION {name}();")


def _as_owner(statements: str) -> None:
    with psycopg.connect(settings.MIGRATE_DATABASE_URL, autocommit=True) as own:
        own.execute(statements.encode())


_NO = "RAISE EXCEPTION 'not today';"
_WRITTEN = "OLD.user_id IS NULL AND NEW.user_id IS NOT NULL"
_TAKEN_BACK = "OLD.user_id IS NOT NULL AND NEW.user_id IS NULL"


def _cancelled_after_the_write(team: Team) -> str:
    with _trigger("cancel_then", _WRITTEN, "NEW.cancel_requested_at = now(); RETURN NEW;"):
        return _created(team)


def _undone(team: Team) -> str:
    with _trigger("no_success", "NEW.state = 'succeeded'", _NO):
        return _created(team)


def _undo_parked(team: Team) -> str:
    """It stays open: ten minutes are too long to wait for."""
    with ExitStack() as stack:
        stack.enter_context(_trigger("no_success", "NEW.state = 'succeeded'", _NO))
        stack.enter_context(_trigger("no_undo", _TAKEN_BACK, _NO))
        workflow_id = _start(_row(team, Action.CREATE))
        eventually(lambda: _waits(workflow_id), within=PATIENCE, what="the wait")
    return workflow_id


def _waits(workflow_id: str) -> bool:
    return "EVENT_TYPE_TIMER_STARTED" in client.fetch_history(workflow_id=workflow_id)


@contextmanager
def _no_deliveries() -> Iterator[None]:
    """A database in which no mail can be asked for."""
    _as_owner(
        f"CREATE FUNCTION no_mail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {_NO} END $$;"
        "CREATE TRIGGER no_mail BEFORE INSERT ON deliveries_delivery FOR EACH ROW EXECUTE FUNCTION no_mail();"
    )
    try:
        yield
    finally:
        _as_owner("DROP TRIGGER no_mail ON deliveries_delivery; DROP FUNCTION no_mail();")


def _untold(team: Team, *, cancelled: bool = False) -> str:
    """The three tries take three seconds, in which a cancel comes too late."""
    with _no_deliveries():
        workflow_id = _start(_row(team, Action.CREATE))
        if cancelled:
            eventually(lambda: _is_told(workflow_id), within=PATIENCE, what="the mail")
            client.cancel_workflow(workflow_id=workflow_id)
        return _ended(workflow_id)


def _is_told(workflow_id: str) -> bool:
    return "EVENT_TYPE_ACTIVITY_TASK_SCHEDULED" in client.fetch_history(workflow_id=workflow_id)


BRANCHES: Mapping[str, Play] = {
    "created": _created,
    "updated": lambda team: _changed(team, Action.UPDATE),
    "deleted": lambda team: _changed(team, Action.DELETE),
    "refused": _refused,
    "cancelled": _cancelled,
    "cancelled-at-once": _cancelled_at_once,
    "cancelled-after-the-write": _cancelled_after_the_write,
    "cancelled-in-temporal-too-late": lambda team: _untold(team, cancelled=True),
    "undone": _undone,
    "undo-parked": _undo_parked,
    "untold": _untold,
}
