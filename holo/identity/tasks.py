"""Mail about invitations; the secret in the link is made when it is sent, so that no queue holds it."""

from smtplib import SMTPException
from uuid import UUID

from celery import shared_task
from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _

from holo.common.admin import moment_text
from holo.common.letters import send_letter
from holo.identity.services import issue_invitation_link


@shared_task(autoretry_for=(SMTPException, OSError), retry_backoff=True, max_retries=5)
def mail_invitation(invitation_id: str) -> int:
    """Send the invitation, with a new link, if it is still open; return how many mails were sent."""
    issued = issue_invitation_link(invitation_id=UUID(invitation_id))
    if issued is None:
        return 0
    invitation, token = issued
    address = settings.PUBLIC_URL + reverse("accept-invitation", args=[token])
    return send_letter(
        subject=_("You are invited to %(organization)s") % {"organization": invitation.organization.name},
        message=_(
            "%(organization)s invites you to Holo as %(role)s.\n\nAccept until %(until)s:\n%(address)s\n\n"
            "If you do not know why, ignore this mail; without you nothing happens."
        )
        % {
            "organization": invitation.organization.name,
            "role": invitation.get_role_display(),
            "until": moment_text(invitation.expires_at),
            "address": address,
        },
        to=invitation.email,
    )
