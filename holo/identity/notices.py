"""Mail to a person whose user was created, updated or deleted, and the note of whether they were told."""

from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, override

from holo.common.actor import OrganizationId
from holo.common.db import require_transaction
from holo.deliveries.kinds import Item, Kind, Mail, Recipient, register_kind
from holo.deliveries.operations import add_deliveries
from holo.identity.locks import lock_organization, lock_user_change
from holo.identity.models import UserChange
from holo.identity.selectors import language_of

USER_NOTICE = "identity.user_notice"
Notice = UserChange.Notice


def register() -> None:
    """Make the mail about a change of a user known."""
    register_kind(
        Kind(name=USER_NOTICE, label=gettext_lazy("change of a user"), compose=_notice, ended=_ended)
    )


def add_user_notice(change: UserChange) -> None:
    """Have the person of a change that succeeded told, once."""
    require_transaction()
    if change.notice == Notice.NONE and change.email:
        add_deliveries(
            kind=USER_NOTICE,
            organization_id=change.organization_id,
            recipients=[Recipient(id=change.user_id)],
            data={"change_id": str(change.pk)},
            source=f"user-change:{change.pk}",
        )


def record_notice(change_id: UUID, *, sent: bool) -> None:
    """Note whether the person could be told; of one who was deleted the address goes now.

    Locks the organisation, the change.
    """
    require_transaction()
    change = lock_change(change_id)
    change.notice = Notice.SENT if sent else Notice.FAILED
    if change.action == UserChange.Action.DELETE:
        change.email = ""
    change.save(update_fields=["notice", "email"])


def lock_change(change_id: UUID) -> UserChange:
    """Lock the organisation, then the change, which are taken in this order everywhere."""
    lock_organization(
        OrganizationId(UserChange.objects.values_list("organization_id", flat=True).get(pk=change_id))
    )
    return lock_user_change(change_id)


def _notice(item: Item) -> Mail | None:
    change = UserChange.objects.select_related("organization", "user").get(pk=UUID(item.data["change_id"]))
    if change.notice == Notice.SENT or not change.email:
        return None
    with override(language_of(change.user)):
        subject, body = _texts(change)
    return Mail(to=change.email, subject=subject, body=body)


def _ended(item: Item, delivered: bool) -> None:
    change_id = UUID(item.data["change_id"])
    if delivered or UserChange.objects.filter(pk=change_id, notice=Notice.NONE).exists():
        record_notice(change_id, sent=delivered)


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
