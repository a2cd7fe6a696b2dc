"""Changes of users that stand still: how they are found, and started again from their rows."""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from holo.audit.services import record_repair
from holo.common.actor import OrganizationId, system_actor
from holo.common.clock import database_now
from holo.common.errors import DomainError
from holo.common.verify import CouldNotCheckError, Rule
from holo.identity.models import UserChange
from holo.identity.selectors import is_user_change_over, list_running_user_changes
from workflows.runtime import client
from workflows.runtime.reconcile import Drift, DriftKind
from workflows.runtime.registry import queue_of
from workflows.runtime.runs import find_runs
from workflows.users.contracts import Action, ChangeRef
from workflows.users.workflow import UserWorkflow

NAME, TASK_QUEUE = "users", "user-task-queue"


def input_of(change_id: UUID, action: str) -> ChangeRef:
    """Return the input of a change's workflow."""
    return ChangeRef(change_id=change_id, action=Action(action))


def list_lost_changes(grace: timedelta) -> Iterator[tuple[UserChange, str]]:
    """Yield the changes under way without an open run, and how the last one ended.

    One that was just asked for is left `grace` to be started. Read again once Temporal has answered.
    """
    latest = database_now() - grace
    for change in list_running_user_changes():
        if change.created_at > latest:
            continue
        run = find_runs([change.workflow_id]).get(change.workflow_id)
        if (run is None or not run.is_open) and not is_user_change_over(change.pk):
            yield change, run.status.lower() if run else "absent"


def _find(grace: timedelta) -> Iterator[Drift]:
    for change, status in list_lost_changes(grace):
        yield Drift(
            key=change.workflow_id,
            detail=_("its run is %(run)s") % {"run": status},
            mend=partial(_start_again, change, status),
        )


def _start_again(change: UserChange, status: str) -> str:
    started = client.start_workflow(
        workflow=UserWorkflow,
        workflow_id=change.workflow_id,
        task_queue=queue_of(NAME, TASK_QUEUE),
        input=input_of(change.pk, change.action),
        again=True,
        after_success=status == "completed",
    )
    if not started:
        return _("it has come to its end meanwhile")
    record_repair(
        actor=system_actor(OrganizationId(change.organization_id), label="reconcile"),
        action="identity.user_change_started_again",
        subject_type="identity.user_change",
        subject_id=str(change.pk),
        data={"run": status},
    )
    return _("started again")


def _misfits(grace: timedelta) -> Iterator[str]:
    try:
        client.check_health()
        for change, status in list_lost_changes(grace):
            yield f"{change.workflow_id}: run {status}"
    except DomainError as error:
        raise CouldNotCheckError(error.message) from error


RULES = (
    Rule(
        id="I19",
        statement=lazy("Each change of a user under way has an open run."),
        sql="rows of identity_userchange in the state running, described in Temporal by id",
        find=_misfits,
        live=True,
    ),
)
DRIFTS = (DriftKind(name="user_changes", title=lazy("changes of users under way without a run"), find=_find),)
