"""Which steps a change of a user allows, by its action and state.

Each step is checked under the change's lock, because anybody who can reach Temporal can start any activity
with any id: for example the delete step of a change that only asked for another name.
"""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from holo.identity.errors import UserStepNotAllowedError
from holo.identity.models import UserChange

Action, State = UserChange.Action, UserChange.State


@dataclass(frozen=True, slots=True)
class Precondition:
    """The actions and states of a change in which a step may change rows; `has_user` None is either."""

    actions: frozenset[str]
    states: frozenset[str]
    has_user: bool | None = None


_ANY_ACTION = frozenset(Action.values)
_RUNNING, _SUCCEEDED = frozenset({State.RUNNING.value}), frozenset({State.SUCCEEDED.value})
_CREATE = frozenset({Action.CREATE.value})

PRECONDITIONS: dict[str, Precondition] = {
    "create_user": Precondition(_CREATE, _RUNNING),
    "complete_user_change": Precondition(_CREATE, _RUNNING, has_user=True),
    "discard_user": Precondition(_CREATE, _RUNNING),
    "update_user": Precondition(frozenset({Action.UPDATE.value}), _RUNNING),
    "delete_user": Precondition(frozenset({Action.DELETE.value}), _RUNNING),
    # A create is closed after its user was discarded.
    "close_user_change": Precondition(_ANY_ACTION, _RUNNING, has_user=False),
    "send_notification": Precondition(_ANY_ACTION, _SUCCEEDED),
    "record_notification": Precondition(_ANY_ACTION, _SUCCEEDED),
}


def require_step(change: UserChange, step: str) -> None:
    """Refuse a step that the locked change does not allow. Raises UserStepNotAllowedError."""
    needed = PRECONDITIONS[step]
    fits = change.action in needed.actions and change.state in needed.states
    if fits and needed.has_user in (None, change.user_id is not None):
        return
    raise UserStepNotAllowedError(
        _("%(step)s is not allowed: the change is %(action)s, %(status)s")
        % {"step": step, "action": change.action, "status": change.state},
        step=step,
        action=change.action,
        status=change.state,
        allowed_actions=sorted(needed.actions),
        allowed_statuses=sorted(needed.states),
    )
