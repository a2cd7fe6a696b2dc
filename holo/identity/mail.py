"""Mail about invitations; the secret in the link is made with the mail, so that no row or queue holds it."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, override

from holo.common.admin import moment_text
from holo.deliveries.kinds import Item, Kind, Mail, Recipient, register_kind
from holo.identity.events import MEMBER_INVITED
from holo.identity.models import Invitation
from holo.identity.selectors import find_person, language_of
from holo.identity.services import issue_invitation_link


def register() -> None:
    """Make the mail of an invitation known."""
    register_kind(
        Kind(name=MEMBER_INVITED, label=gettext_lazy("invitation"), recipients=_invited, compose=_invitation)
    )


def _invited(payload: Mapping[str, Any]) -> list[Recipient]:
    invitation = Invitation.objects.filter(pk=UUID(payload["invitation_id"])).first()
    return [Recipient(address=invitation.email)] if invitation else []


def _invitation(item: Item) -> Mail | None:
    issued = issue_invitation_link(invitation_id=UUID(item.data["invitation_id"]))
    if issued is None:
        return None
    invitation, token = issued
    with override(language_of(find_person(invitation.email))):
        body = _(
            "%(organization)s invites you to Holo as %(role)s.\n\nAccept until %(until)s:\n%(address)s\n\n"
            "If you do not know why, ignore this mail; without you nothing happens."
        )
        return Mail(
            to=invitation.email,
            subject=_("You are invited to %(organization)s") % {"organization": invitation.organization.name},
            body=body
            % {
                "organization": invitation.organization.name,
                "role": invitation.get_role_display(),
                "until": moment_text(invitation.expires_at),
                "address": settings.PUBLIC_URL + reverse("accept-invitation", args=[token]),
            },
        )
