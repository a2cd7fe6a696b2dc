"""Requests and refusals in words and colours, for pages."""

from datetime import datetime, timedelta
from typing import Any

from django.utils.dateparse import parse_datetime
from django.utils.functional import Promise
from django.utils.timesince import timesince, timeuntil
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from holo.approvals.models import ApprovalRequest
from holo.common.admin import moment_text
from holo.common.errors import DomainError

State = ApprovalRequest.State
SECOND_PERSON = gettext_lazy("A second person must decide.")

TONES = {
    State.OPEN: "warn",
    State.APPROVED: "good",
    State.REJECTED: "bad",
    State.EXPIRED: "neutral",
    State.WITHDRAWN: "neutral",
}
_SOON = timedelta(hours=1)
_TODAY = timedelta(hours=6)

# A request whose deadline has passed but which nobody has expired yet.
OVERDUE: str | Promise = pgettext_lazy("deadline", "overdue")


def urgency(deadline: datetime, now: datetime) -> str:
    """Return the colour of an open deadline."""
    left = deadline - now
    if left <= _SOON:
        return "bad"
    return "warn" if left <= _TODAY else "neutral"


def time_left(deadline: datetime, now: datetime) -> str:
    """Return how long there is to a deadline, in words."""
    if deadline <= now:
        return str(OVERDUE)
    return _("%(time)s left") % {"time": timeuntil(deadline, now, depth=1)}


def age(moment: datetime, now: datetime) -> str:
    """Return how long ago something was, in words."""
    if now - moment < timedelta(minutes=1):
        return _("just now")
    return _("%(time)s ago") % {"time": timesince(moment, now, depth=1)}


def explain_refusal(error: DomainError) -> str:
    """Return in the person's language why a decision was refused, with the outcome that won."""
    texts: dict[str, str] = {
        "approvals.second_person_required": str(SECOND_PERSON),
        "approvals.not_an_auditor": _("Only members of the group “auditor” may decide."),
        "approvals.request_withdrawn": _("What was to be decided has been cancelled meanwhile."),
        "approvals.request_expired": _("The deadline has passed; nobody can decide any more."),
        "approvals.content_changed": _("The content has changed since you opened the page; review it again."),
        "request.not_found": _("There is no such request."),
        "request.busy": _("Somebody else is deciding at this moment. Try again."),
    }
    if error.code == "approvals.already_decided":
        return _("Already %(state)s by %(person)s, %(time)s.") % {
            "state": _label(error.details.get("state")),
            "person": error.details.get("decided_by", ""),
            "time": _moment(error.details.get("decided_at")),
        }
    return texts.get(error.code, error.message)


def _label(state: Any) -> str:
    return str(State(state).label) if state in State.values else str(state)


def _moment(text: Any) -> str:
    moment = parse_datetime(str(text))
    return moment_text(moment) if moment else str(text)
