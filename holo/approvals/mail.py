"""Mail to the auditors who may decide a request."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, override

from holo.approvals.events import APPROVAL_REQUESTED
from holo.approvals.models import ApprovalRequest
from holo.approvals.subjects import find_subject_view
from holo.approvals.words import time_left
from holo.common.admin import moment_text
from holo.common.clock import database_now
from holo.deliveries.kinds import Item, Kind, Mail, Recipient, register_kind
from holo.identity.selectors import auditor_ids, find_reader


def register() -> None:
    """Make the mail about a request known."""
    register_kind(
        Kind(
            name=APPROVAL_REQUESTED,
            label=gettext_lazy("decision needed"),
            recipients=_auditors,
            compose=_decision_needed,
        )
    )


def _auditors(payload: Mapping[str, Any]) -> list[Recipient]:
    request = ApprovalRequest.objects.filter(pk=UUID(payload["request_id"])).first()
    return [Recipient(id=person_id) for person_id in _may_decide(request)] if request else []


def _may_decide(request: ApprovalRequest) -> list[UUID]:
    return auditor_ids(request.organization_id, except_users=request.contributors)


def _decision_needed(item: Item) -> Mail | None:
    """Write to whoever may still decide what is still open."""
    request = ApprovalRequest.objects.filter(pk=UUID(item.data["request_id"])).first()
    reader = find_reader(item.recipient.id)
    if request is None or reader is None or item.recipient.id not in _may_decide(request):
        return None
    if request.state != ApprovalRequest.State.OPEN or request.deadline <= database_now():
        return None
    with override(reader.language):
        return Mail(
            to=reader.address,
            subject=_("Decision needed: %(label)s") % {"label": request.subject_label},
            body=_body(request),
        )


def _body(request: ApprovalRequest) -> str:
    page = reverse("admin:approvals_approvalrequest_change", args=[request.pk])
    view = find_subject_view(request.subject_type)
    reasons = [_("%(rule)s: %(measured)s, limit %(threshold)s") % reason for reason in request.shown_reasons]
    deadline = _("%(label)s waits for your decision until %(deadline)s (%(left)s).") % {
        "label": request.subject_label,
        "deadline": moment_text(request.deadline),
        "left": time_left(request.deadline, database_now()),
    }
    parts = [
        deadline,
        "\n".join(reasons),
        "\n".join(view.text(request.subject_id)) if view and view.text else "",
        _("Look at it and decide:") + f"\n{settings.PUBLIC_URL}{page}",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"
