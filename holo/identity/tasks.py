"""Mail about invitations and changed addresses. The secret of a link is made late, so no queue holds it."""

from smtplib import SMTPException
from uuid import UUID

from celery import shared_task
from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _

from holo.common.admin import moment_text
from holo.common.letters import send_letter
from holo.identity.models import AddressChange
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


@shared_task(autoretry_for=(SMTPException, OSError), retry_backoff=True, max_retries=5)
def mail_address_change(change_id: str, told: str) -> int:
    """Tell one address of a change, the one `before` or `after`; return how many mails were sent.

    The address before is told because it is where somebody notices that another person took the account.
    """
    change = AddressChange.objects.filter(pk=UUID(change_id)).first()
    address = getattr(change, told) if change is not None and told in ("before", "after") else ""
    if change is None or not address:
        return 0
    if told == "before":
        text = _(
            "The e-mail address of your user in Holo was changed at %(at)s. You log in with the new address"
            " from now on, and this one gets no more mail.\n\n"
            "If this was not you and nobody told you of it, write to your administrator at once."
        )
    else:
        text = _(
            "This address was entered at %(at)s as the e-mail address of a user in Holo. Log in with it from"
            " now on.\n\nIf you do not know why, write to your administrator."
        )
    return send_letter(
        subject=_("The e-mail address of your user was changed"),
        message=text % {"at": moment_text(change.created_at)},
        to=address,
    )
