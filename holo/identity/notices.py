"""Tells a person by mail that their user was created, updated or deleted."""

from uuid import UUID

from django.utils.translation import gettext as _

from holo.common.letters import send_letter
from holo.identity.models import UserChange


def send_user_notice(change_id: UUID) -> None:
    """Send the mail about a change that has succeeded, unless it has been sent.

    At least once: a process that dies before it notes the mail sends it again. Raises SMTPException, OSError.
    """
    change = UserChange.objects.select_related("organization").get(pk=change_id)
    if change.notice == UserChange.Notice.SENT or not change.email:
        return
    subject, message = _texts(change)
    send_letter(subject=subject, message=message, to=change.email)


def _texts(change: UserChange) -> tuple[str, str]:
    organization = {"organization": change.organization.name}
    if change.action == UserChange.Action.CREATE:
        return (
            _("You have a user at %(organization)s") % organization,
            _("%(organization)s has created a user for you in Holo, with this e-mail address.")
            % organization,
        )
    if change.action == UserChange.Action.UPDATE:
        return (
            _("Your user at %(organization)s was changed") % organization,
            _("%(organization)s has changed the name or the e-mail address of your user in Holo.")
            % organization,
        )
    return (
        _("Your user at %(organization)s was deleted") % organization,
        _("%(organization)s has deleted your user in Holo. This is the last mail about it.") % organization,
    )
