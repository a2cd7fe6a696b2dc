"""Mail about keys and tokens that were made or revoked, so that nobody has one without knowing."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, override

from holo.apiauth.events import KEY_CREATED, KEY_REVOKED
from holo.apiauth.models import ApiKey
from holo.common.admin import moment_text
from holo.deliveries.kinds import Item, Kind, Mail, Recipient, register_kind
from holo.identity.models import User
from holo.identity.selectors import find_reader, manager_ids


def register() -> None:
    """Make both mails known."""
    labels = {KEY_CREATED: gettext_lazy("key made"), KEY_REVOKED: gettext_lazy("key revoked")}
    for topic, label in labels.items():
        register_kind(Kind(name=topic, label=label, recipients=_concerned, compose=_about_key))


def _concerned(payload: Mapping[str, Any]) -> list[Recipient]:
    """Return the owner; a credential that is nobody's concerns those who manage the organisation."""
    key = ApiKey.objects.filter(pk=UUID(payload["key_id"])).first()
    if key is None:
        return []
    people = [key.owner_id] if key.owner_id else manager_ids(key.organization_id)
    return [Recipient(id=person_id) for person_id in people]


def _about_key(item: Item) -> Mail | None:
    """Write to whom the key still concerns: a mail may wait for hours, and people leave meanwhile."""
    key = ApiKey.objects.select_related("organization").filter(pk=UUID(item.data["key_id"])).first()
    reader = find_reader(item.recipient.id)
    if key is None or reader is None or item.recipient not in _concerned(item.data):
        return None
    with override(reader.language):
        subject, body = _texts(item.kind, key, _who(item.data["actor_id"]))
    return Mail(to=reader.address, subject=subject, body=body)


def _who(actor_id: str | None) -> str:
    person = User.objects.filter(pk=UUID(actor_id)).first() if actor_id else None
    return str(person) if person else _("the system")


def _texts(topic: str, key: ApiKey, who: str) -> tuple[str, str]:
    told = {
        "kind": key.get_kind_display(),
        "prefix": key.prefix,
        "name": key.name or "-",
        "organization": key.organization.name,
        "scopes": ", ".join(key.scopes),
        "until": moment_text(key.expires_at),
        "who": who,
    }
    if topic == KEY_CREATED:
        return (
            _("New at %(organization)s: %(kind)s %(prefix)s") % told,
            _(
                "%(who)s made the %(kind)s %(prefix)s (%(name)s) at %(organization)s. It works"
                " until %(until)s for: %(scopes)s.\n\n"
                "If this is not right, revoke it in the admin, under API keys."
            )
            % told,
        )
    return (
        _("Revoked at %(organization)s: %(kind)s %(prefix)s") % told,
        _("%(who)s revoked the %(kind)s %(prefix)s (%(name)s) at %(organization)s. It works no more.") % told,
    )
