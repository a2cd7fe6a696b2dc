"""Holds, movements and refused demand in the admin: rows of history, to look at."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from holo.approvals.subjects import subject_url
from holo.common.admin import badge
from holo.identity.actor_names import ShowsActor
from inventory.admin.pages import InventoryAdmin, OwnRelatedFilter
from inventory.models import RefusedDemand, Reservation, ReservationLine, StockMovement

State, Kind = Reservation.State, StockMovement.Kind
_TONES = {State.HELD: "progress", State.CONSUMED: "good", State.RELEASED: "neutral", State.EXPIRED: "warn"}
_KINDS = {Kind.RECEIPT: "good", Kind.SHIPMENT: "info", Kind.ADJUSTMENT: "warn"}


class ReservationLineInline(admin.TabularInline[ReservationLine, Reservation]):
    """What a reservation holds where."""

    model = ReservationLine
    fields = ["product", "warehouse", "quantity"]
    readonly_fields = ["product", "warehouse", "quantity"]
    extra = 0
    can_delete = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[ReservationLine]:
        """Return the lines with what is shown of them."""
        return super().get_queryset(request).select_related("product", "warehouse")

    def has_view_permission(self, request: HttpRequest, obj: Reservation | None = None) -> bool:
        """Let see the lines who may see the reservation."""
        return request.user.has_perm("inventory.view_reservation")

    def has_add_permission(self, request: HttpRequest, obj: Reservation | None = None) -> bool:
        """Nobody adds lines by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Reservation | None = None) -> bool:
        """Nobody edits lines by hand."""
        return False


@admin.register(Reservation)
class ReservationAdmin(InventoryAdmin[Reservation]):
    """What is held for whom, and what became of it."""

    list_display = ["created_at", "owner", "state_shown", "expires_at", "ended_at"]
    list_filter = ["state", "created_at", "expires_at"]
    search_fields = ["owner_id"]
    search_help_text = _("Id of the owner, such as of an order")
    fields = ["organization_shown", "owner", "state_shown", "created_at", "expires_at", "ended_at"]
    readonly_fields = ["owner", "state_shown"]
    inlines = [ReservationLineInline]
    sortable_by = ()

    @admin.display(description=_("held for"))
    def owner(self, row: Reservation) -> SafeString:
        """The owner, leading to its page where it has one."""
        return owner_link(row)

    @admin.display(description=_("state"))
    def state_shown(self, row: Reservation) -> SafeString:
        """Held, or how it ended."""
        return badge(row.get_state_display(), _TONES[State(row.state)])


@admin.register(StockMovement)
class StockMovementAdmin(ShowsActor[StockMovement], InventoryAdmin[StockMovement]):
    """Each change of what lies on a shelf, newest first."""

    list_display = [
        "created_at",
        "kind_shown",
        "product",
        "warehouse",
        "change",
        "owner",
        "by",
        "note",
    ]
    list_display_links = None
    list_select_related = ["product", "warehouse"]
    list_filter = ["kind", ("warehouse", OwnRelatedFilter), "created_at"]
    search_fields = ["product__sku", "note", "actor_label"]
    fields = [
        "organization_shown",
        "created_at",
        "product",
        "warehouse",
        "kind_shown",
        "change",
        "owner",
        "by",
        "note",
    ]
    readonly_fields = ["kind_shown", "change", "owner", "by"]
    sortable_by = ()

    @admin.display(description=_("kind"))
    def kind_shown(self, row: StockMovement) -> SafeString:
        """Why it changed."""
        return badge(row.get_kind_display(), _KINDS[Kind(row.kind)])

    @admin.display(description=_("change"))
    def change(self, row: StockMovement) -> str:
        """By how many pieces, with sign."""
        return f"{row.quantity:+d}"

    @admin.display(description=_("for"))
    def owner(self, row: StockMovement) -> SafeString | str:
        """On whose behalf, leading there."""
        return owner_link(row) if row.owner_id else "–"


@admin.register(RefusedDemand)
class RefusedDemandAdmin(InventoryAdmin[RefusedDemand]):
    """Orders that were refused for want of stock, by product and day, newest first."""

    list_display = ["day", "product", "refusals", "pieces"]
    list_display_links = None
    list_select_related = ["product"]
    list_filter = ["day"]
    search_fields = ["product__sku"]
    fields = ["organization_shown", "day", "product", "refusals", "pieces"]
    sortable_by = ()


def owner_link(row: Any) -> SafeString:
    """Return the owner of a hold or movement, as a link where the admin has a page for it."""
    url = subject_url(row.owner_type, row.owner_id)
    text = f"{row.owner_type} {row.owner_id}"
    return format_html('<a href="{}">{}</a>', url, text) if url else format_html("{}", text)
