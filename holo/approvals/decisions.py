"""Approve and reject as commands of the admin."""

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from holo.approvals.errors import AlreadyDecidedError
from holo.approvals.models import ApprovalDecision, ApprovalRequest
from holo.approvals.services import decide
from holo.approvals.subjects import find_subject_view, subject_url
from holo.approvals.words import SECOND_PERSON, explain_refusal
from holo.common.admin_command import AdminCommand, Text
from holo.common.clock import database_now
from holo.common.errors import DomainError
from holo.common.reason import ReasonForm
from holo.identity.staff import actor_of_user, may_decide, person_of

Verdict = ApprovalDecision.Verdict


class Decide(AdminCommand[ApprovalRequest]):
    """Records the person's verdict about one request."""

    form_class = ReasonForm
    needs_step_up = True
    template = "approvals/item.html"

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict
        self.name = verdict.value
        approve = verdict == Verdict.APPROVE
        self.tone = "good" if approve else "danger"
        self.label: Text = (
            pgettext_lazy("action", "Approve") if approve else pgettext_lazy("action", "Reject")
        )
        self.title: Text = gettext_lazy("Approve") if approve else gettext_lazy("Reject")
        self.explanation: Text = (
            gettext_lazy("What waits goes on as soon as the decision is recorded.")
            if approve
            else gettext_lazy("Everything that was done so far is undone: held stock is given back.")
        )

    def allowed(self, request: HttpRequest) -> bool:
        """Members of the group `auditor` decide, and nobody else: superusers are not exempt."""
        return may_decide(request)

    def token(self, row: ApprovalRequest) -> str:
        """Return the digest of what is shown, so that a stale page is refused."""
        return row.subject_digest

    def obstacle(self, request: HttpRequest, row: ApprovalRequest) -> Text:
        """Return why the person cannot decide this request."""
        if row.state != ApprovalRequest.State.OPEN:
            return _("Already closed: %(state)s.") % {"state": row.get_state_display()}
        if person_of(request).pk in row.contributors:
            return SECOND_PERSON
        return ""

    def contexts(self, request: HttpRequest, rows: Sequence[ApprovalRequest]) -> dict[Any, dict[str, Any]]:
        """Return how the subject of each request looks."""
        return subject_contexts(rows)

    def run(self, request: HttpRequest, row: ApprovalRequest, *, token: str, data: dict[str, Any]) -> str:
        """Record the verdict; the same person saying the same thing twice is told that it counts once."""
        person = person_of(request)
        try:
            decide(
                actor=actor_of_user(person, row.organization_id),
                request_id=row.pk,
                verdict=self.verdict,
                reason=data["reason"],
                digest_seen=token,
            )
        except AlreadyDecidedError:
            # A double click: the first of the two has decided, and the person wants to know just that.
            if not row.decisions.filter(actor=person, verdict=self.verdict, reason=data["reason"]).exists():
                raise
            return _("Your decision had been recorded before; it counts once.")
        return _("Approved.") if self.verdict == Verdict.APPROVE else _("Rejected.")

    def explain(self, request: HttpRequest, error: DomainError) -> str:
        """Return the refusal and the outcome that won."""
        return explain_refusal(error)


def subject_contexts(requests: Sequence[ApprovalRequest]) -> dict[Any, dict[str, Any]]:
    """Return for each request, by its key, how its subject is shown: `template`, `subject`, `url`, `now`."""
    now = database_now()
    by_type: dict[str, list[ApprovalRequest]] = {}
    for request in requests:
        by_type.setdefault(request.subject_type, []).append(request)
    contexts: dict[Any, dict[str, Any]] = {}
    for subject_type, group in by_type.items():
        view = find_subject_view(subject_type)
        shown = view.contexts([request.subject_id for request in group]) if view else {}
        for request in group:
            contexts[request.pk] = {
                "template": view.template if view and request.subject_id in shown else None,
                "subject": shown.get(request.subject_id, {}),
                "url": subject_url(subject_type, request.subject_id),
                "now": now,
            }
    return contexts


COMMANDS = (Decide(Verdict.APPROVE), Decide(Verdict.REJECT))
