"""Mail about approval requests; derived from rows, so that a lost or repeated task does no harm."""

from uuid import UUID

from celery import shared_task
from django.utils.translation import gettext as _

from holo.approvals.models import ApprovalRequest
from holo.common.letters import send_letter
from holo.identity.selectors import auditor_addresses


@shared_task
def mail_auditors(request_id: str) -> int:
    """Send one mail to each auditor who may decide the request; return how many."""
    request = ApprovalRequest.objects.filter(pk=UUID(request_id), state=ApprovalRequest.State.OPEN).first()
    if request is None:
        return 0
    addresses = auditor_addresses(request.organization_id, except_users=request.contributors)
    reasons = "\n".join(
        _("%(rule)s: %(measured)s, limit %(threshold)s") % reason for reason in request.shown_reasons
    )
    for address in addresses:
        send_letter(
            subject=_("Decision needed: %(label)s") % {"label": request.subject_label},
            message=_("%(label)s waits for your decision until %(deadline)s.\n\n%(reasons)s")
            % {
                "label": request.subject_label,
                "deadline": f"{request.deadline:%Y-%m-%d %H:%M %Z}",
                "reasons": reasons,
            },
            to=address,
        )
    return len(addresses)
