"""Outbox messages in the admin: looked at, filtered by state, dead letters sent again."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from holo.common.actor import Actor, OrganizationId, UserId
from holo.common.admin_command import AdminCommand, Text
from holo.common.admin_commands import CommandAdmin
from holo.outbox.models import OutboxMessage
from holo.outbox.services import retry_dead_letters

WAITING, DELIVERED, DEAD = "waiting", "delivered", "dead"


class StateFilter(admin.SimpleListFilter):
    """Filters by what has become of a message."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, Any]]:
        """Return the states."""
        return [(WAITING, _("waiting")), (DELIVERED, _("delivered")), (DEAD, _("dead letter"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[OutboxMessage]) -> QuerySet[OutboxMessage]:
        """Return the messages of the chosen state."""
        if self.value() == WAITING:
            return queryset.filter(delivered_at=None, dead_at=None)
        if self.value() == DELIVERED:
            return queryset.filter(delivered_at__isnull=False)
        if self.value() == DEAD:
            return queryset.filter(delivered_at=None, dead_at__isnull=False)
        return queryset


class RetryDeadLetters(AdminCommand[OutboxMessage]):
    """Send dead letters again."""

    name = "retry"
    label = _("Send the chosen dead letters again")
    title = _("Send dead letters again")
    explanation = _("Each is tried ten times more, and after it the later messages of its key.")
    template = "outbox/message_item.html"

    def allowed(self, request: HttpRequest) -> bool:
        """Tell whether the person may send again."""
        return request.user.has_perm("outbox.change_outboxmessage")

    def obstacle(self, request: HttpRequest, row: OutboxMessage) -> Text:
        """Say that a message is no dead letter."""
        return "" if _is_dead(row) else _("This message is no dead letter.")

    def run(self, request: HttpRequest, row: OutboxMessage, *, token: str, data: dict[str, Any]) -> str:
        """Send one again."""
        if retry_dead_letters(actor=_actor(request, row.organization_id), message_ids=[row.pk]):
            return gettext("The message is sent again.")
        return gettext("This message is no dead letter any more; nothing was changed.")


def _is_dead(message: OutboxMessage) -> bool:
    return message.delivered_at is None and message.dead_at is not None


@admin.register(OutboxMessage)
class OutboxMessageAdmin(CommandAdmin[OutboxMessage]):
    """Read-only list with one command."""

    audit_subject = "outbox.message"
    commands = (RetryDeadLetters(),)
    key_converter = "int"

    list_display = ["id", "topic", "key", "state", "attempts", "created_at", "delivered_at", "last_error"]
    list_filter = [StateFilter, "topic"]
    search_fields = ["key", "request_id"]

    @admin.display(description=_("state"))
    def state(self, message: OutboxMessage) -> Any:
        """Return what has become of the message."""
        if message.delivered_at is not None:
            return _("delivered")
        return _("dead letter") if message.dead_at is not None else _("waiting")


def _actor(request: HttpRequest, organization_id: UUID) -> Actor:
    """Return the logged-in person, acting for the organisation of the messages."""
    return Actor(
        user_id=UserId(UUID(str(request.user.pk))),
        organization_id=OrganizationId(organization_id),
        label=request.user.get_username(),
    )
