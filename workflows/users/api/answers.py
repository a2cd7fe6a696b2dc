"""What the endpoints of changes of users answer with."""

from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers

from holo.common.errors import error_table
from holo.identity.models import UserChange


class StartedAnswer(serializers.Serializer[Any]):
    """What follows a request: where to ask on."""

    workflow_id = serializers.CharField(help_text="`user-<action>-<uuid>`.")
    run_id = serializers.CharField(
        allow_null=True, help_text="Null where the process has not begun within half a second; ask for it."
    )


class ResultAnswer(serializers.Serializer[Any]):
    """How a change ended."""

    user_id = serializers.CharField()
    success = serializers.BooleanField()
    code = serializers.CharField(allow_null=True, help_text="Why it failed; see /api/errors.")
    message = serializers.CharField()
    timestamp = serializers.DateTimeField()


class ChangeAnswer(StartedAnswer):
    """A change of a user."""

    user_id = serializers.CharField(help_text="What the organisation calls the user.")
    action = serializers.ChoiceField(choices=UserChange.Action.values)
    status = serializers.ChoiceField(choices=UserChange.State.values)
    cancel_requested = serializers.BooleanField()
    notification = serializers.ChoiceField(
        choices=UserChange.Notice.values, help_text="Whether the person was told by mail."
    )
    created_at = serializers.DateTimeField()
    result = ResultAnswer(allow_null=True, help_text="Null while it runs.")


def render_change(change: UserChange) -> dict[str, object]:
    """Return a change as it is answered with."""
    return {
        **render_started(change),
        "user_id": change.reference,
        "action": change.action,
        "status": change.state,
        "cancel_requested": change.cancel_requested_at is not None,
        "notification": change.notice,
        "created_at": change.created_at,
        "result": _result(change),
    }


def render_started(change: UserChange) -> dict[str, object]:
    """Return where to ask on."""
    return {"workflow_id": change.workflow_id, "run_id": change.run_id or None}


def _result(change: UserChange) -> dict[str, object] | None:
    if change.ended_at is None:
        return None
    return {
        "user_id": change.reference,
        "success": change.state == UserChange.State.SUCCEEDED,
        "code": change.code or None,
        "message": _message(change),
        "timestamp": change.ended_at,
    }


def _message(change: UserChange) -> str:
    if change.state == UserChange.State.CANCELLED:
        return _("cancelled; nothing was changed")
    if change.state == UserChange.State.FAILED:
        error = error_table().get(change.code)
        return _(error.meaning) if error and error.meaning else change.code
    done = {
        UserChange.Action.CREATE: _("user created"),
        UserChange.Action.UPDATE: _("user updated"),
        UserChange.Action.DELETE: _("user deleted"),
    }
    return done[UserChange.Action(change.action)]
