"""Outbox messages in the admin: looked at, filtered by state, dead letters sent again."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from holo.common.actor import Actor, OrganizationId, UserId
from holo.common.admin import BoundedSearch
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


@admin.register(OutboxMessage)
class OutboxMessageAdmin(BoundedSearch[OutboxMessage]):
    """Read-only list with one action."""

    list_display = ["id", "topic", "key", "state", "attempts", "created_at", "delivered_at", "last_error"]
    list_filter = [StateFilter, "topic"]
    search_fields = ["key", "request_id"]
    actions: Sequence[Any] | None = ["retry"]
    show_full_result_count = False

    @admin.display(description=_("state"))
    def state(self, message: OutboxMessage) -> Any:
        """Return what has become of the message."""
        if message.delivered_at is not None:
            return _("delivered")
        return _("dead letter") if message.dead_at is not None else _("waiting")

    @admin.action(description=_("Send the chosen dead letters again"), permissions=["retry"])
    def retry(self, request: HttpRequest, queryset: QuerySet[OutboxMessage]) -> None:
        """Send dead letters again, one command per organisation."""
        chosen: dict[UUID, list[int]] = {}
        for number, organization_id in queryset.values_list("pk", "organization_id"):
            chosen.setdefault(organization_id, []).append(number)
        count = sum(
            retry_dead_letters(actor=_actor(request, organization_id), message_ids=numbers)
            for organization_id, numbers in chosen.items()
        )
        text = ngettext("%(count)d message is sent again.", "%(count)d messages are sent again.", count)
        level = messages.SUCCESS if count else messages.WARNING
        self.message_user(request, text % {"count": count}, level)

    def has_retry_permission(self, request: HttpRequest) -> bool:
        """Tell whether the user may send again."""
        return request.user.has_perm("outbox.change_outboxmessage")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody adds messages by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: OutboxMessage | None = None) -> bool:
        """Nobody edits messages."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: OutboxMessage | None = None) -> bool:
        """Nobody deletes messages."""
        return False


def _actor(request: HttpRequest, organization_id: UUID) -> Actor:
    """Return the logged-in person, acting for the organisation of the messages."""
    return Actor(
        user_id=UserId(UUID(str(request.user.pk))),
        organization_id=OrganizationId(organization_id),
        label=request.user.get_username(),
    )
