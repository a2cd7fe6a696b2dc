"""Mail about invitations and changed addresses.

The secret in a link is made with the mail, so that no row or queue holds it.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, override

from holo.common.admin import moment_text
from holo.deliveries.kinds import Item, Kind, Mail, Recipient, register_kind
from holo.identity.events import ADDRESS_CHANGED, MEMBER_INVITED
from holo.identity.models import AddressChange, Invitation
from holo.identity.selectors import find_person, language_of
from holo.identity.services import issue_invitation_link


def register() -> None:
    """Make both kinds of mail known."""
    register_kind(
        Kind(name=MEMBER_INVITED, label=gettext_lazy("invitation"), recipients=_invited, compose=_invitation)
    )
    register_kind(
        Kind(
            name=ADDRESS_CHANGED,
            label=gettext_lazy("changed address"),
            recipients=_of_changed_address,
            compose=_address_change,
        )
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


def _of_changed_address(payload: Mapping[str, Any]) -> list[Recipient]:
    """Return the person, who has the new address, and the old address, as far as the payload names them."""
    change = AddressChange.objects.filter(pk=UUID(payload["change_id"])).first()
    if change is None:
        return []
    recipients = {"before": Recipient(address=change.before), "after": Recipient(id=change.user_id)}
    return [recipients[told] for told in payload["tell"] if getattr(change, told)]


def _address_change(item: Item) -> Mail | None:
    """Write to one of the two addresses; nothing if the person was erased meanwhile.

    The old address is told because that is where somebody notices that another person took the account.
    """
    change = AddressChange.objects.select_related("user").get(pk=UUID(item.data["change_id"]))
    is_old = item.recipient.id is None
    address = change.before if is_old else change.after
    if not address:
        return None
    with override(language_of(change.user)):
        text = _text_to_old_address() if is_old else _text_to_new_address()
        return Mail(
            to=address,
            subject=_("The e-mail address of your user was changed"),
            body=text % {"at": moment_text(change.created_at)},
        )


def _text_to_old_address() -> str:
    return _(
        "The e-mail address of your user in Holo was changed at %(at)s. You log in with the new address"
        " from now on, and this one gets no more mail.\n\n"
        "If this was not you and nobody told you of it, write to your administrator at once."
    )


def _text_to_new_address() -> str:
    return _(
        "This address was entered at %(at)s as the e-mail address of a user in Holo. Log in with it from"
        " now on.\n\nIf you do not know why, write to your administrator."
    )
