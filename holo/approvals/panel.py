"""What waits for the person's decision, on the start page."""

from typing import Any

from django.http import HttpRequest

from holo.approvals.models import ApprovalRequest
from holo.approvals.selectors import list_open_requests
from holo.approvals.words import age, time_left, urgency
from holo.common.admin import badge
from holo.common.clock import database_now
from holo.common.dashboard import Panel, register_panel
from holo.identity.staff import may_decide, organization_ids, person_of

_SHOWN = 8


def register() -> None:
    """Put the panel on the start page."""
    register_panel(Panel(position=20, template="approvals/panel.html", context=needs_you))


def needs_you(request: HttpRequest) -> dict[str, Any] | None:
    """Return the most urgent requests that the person may decide; None for who decides nothing."""
    if not may_decide(request) or not request.user.has_perm("approvals.view_approvalrequest"):
        return None
    open_requests = list_open_requests(organization_ids(request)).exclude(
        contributors__contains=[person_of(request).pk]
    )
    now = database_now()
    rows = [
        {
            "request": row,
            "due": badge(time_left(row.deadline, now), urgency(row.deadline, now)),
            "age": age(row.created_at, now),
        }
        for row in open_requests[: _SHOWN + 1]
    ]
    return {"rows": rows[:_SHOWN], "more": len(rows) > _SHOWN, "model": ApprovalRequest}
