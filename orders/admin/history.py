"""What happened to orders, as lists to read: events, payments, shipments, parked steps."""

from collections.abc import Iterable
from typing import Any, TypeVar

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from holo.common.admin import ReadOnlyAdmin, badge
from holo.identity.actor_names import ShowsActor
from holo.identity.staff import OrganizationLimited
from orders.admin.words import (
    PAYMENT_TONES,
    SHIPMENT_TONES,
    event_detail,
    event_kinds,
    event_title,
    status_label,
    step_label,
)
from orders.models import Order, OrderEvent, ParkedStep, Payment, Shipment

M = TypeVar("M", bound=Model)


def order_link(order: Order) -> SafeString:
    """Return the order's number, leading to its page."""
    return format_html(
        '<a href="{}">{}</a>', reverse("admin:orders_order_change", args=[order.pk]), order.number
    )


class KindFilter(admin.SimpleListFilter):
    """Filters by what happened; the kinds are known, so that no list need be drawn from all rows."""

    title = _("kind")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, Any]]:
        """Return the kinds."""
        return event_kinds()

    def queryset(self, request: HttpRequest, queryset: QuerySet[OrderEvent]) -> QuerySet[OrderEvent]:
        """Return the events of the chosen kind."""
        return queryset.filter(kind=self.value()) if self.value() else queryset


class HistoryAdmin(OrganizationLimited[M], ReadOnlyAdmin[M]):
    """Rows of one's organisations that say what happened."""

    def get_fields(self, request: HttpRequest, obj: M | None = None) -> list[Any]:
        """Return what the page shows, the organisation by its name alone."""
        shown = super().get_fields(request, obj)
        return ["organization_shown" if field == "organization" else field for field in shown]


@admin.register(OrderEvent)
class OrderEventAdmin(ShowsActor[OrderEvent], HistoryAdmin[OrderEvent]):
    """The timelines of all orders."""

    list_display = ["id", "created_at", "link", "what", "detail", "by", "version"]
    list_filter = [KindFilter, "created_at"]
    list_select_related = ["order"]
    search_fields = ["order__number", "actor_label", "request_id"]
    ordering = ["-id"]
    sortable_by = ()
    fields = [
        "organization_shown",
        "order",
        "version",
        "created_at",
        "what",
        "status_before",
        "status_after",
        "by",
        "data",
        "request_id",
    ]
    readonly_fields = ["what", "status_before", "status_after", "by"]

    @admin.display(description=_("order"))
    def link(self, event: OrderEvent) -> SafeString:
        """The order."""
        return order_link(event.order)

    @admin.display(description=_("what"))
    def what(self, event: OrderEvent) -> str:
        """What happened."""
        return event_title(event.kind)

    @admin.display(description=_("particulars"))
    def detail(self, event: OrderEvent) -> str:
        """The particulars."""
        return event_detail(event.data)

    @admin.display(description=_("from"))
    def status_before(self, event: OrderEvent) -> str:
        """Where the order stood."""
        return status_label(event.from_status)

    @admin.display(description=_("to"))
    def status_after(self, event: OrderEvent) -> str:
        """Where the order stands since."""
        return status_label(event.to_status)


@admin.register(Payment)
class PaymentAdmin(HistoryAdmin[Payment]):
    """Attempts to pay."""

    list_display = ["__str__", "link", "amount_shown", "state_shown", "decline_code", "created_at"]
    list_filter = ["state", "created_at"]
    list_select_related = ["order"]
    search_fields = ["order__number", "gateway_reference"]
    sortable_by = ()

    @admin.display(description=_("order"))
    def link(self, payment: Payment) -> SafeString:
        """The order."""
        return order_link(payment.order)

    @admin.display(description=_("amount"))
    def amount_shown(self, payment: Payment) -> str:
        """What is charged."""
        return str(payment.amount)

    @admin.display(description=_("state"))
    def state_shown(self, payment: Payment) -> SafeString:
        """Where the attempt stands."""
        return badge(payment.get_state_display(), PAYMENT_TONES[Payment.State(payment.state)])


@admin.register(Shipment)
class ShipmentAdmin(HistoryAdmin[Shipment]):
    """Parcels."""

    list_display = ["__str__", "link", "warehouse", "state_shown", "tracking_number", "created_at"]
    list_filter = ["state", "created_at"]
    list_select_related = ["order", "warehouse"]
    search_fields = ["order__number", "tracking_number"]
    sortable_by = ()

    @admin.display(description=_("order"))
    def link(self, shipment: Shipment) -> SafeString:
        """The order."""
        return order_link(shipment.order)

    @admin.display(description=_("state"))
    def state_shown(self, shipment: Shipment) -> SafeString:
        """Where the parcel stands."""
        return badge(shipment.get_state_display(), SHIPMENT_TONES[Shipment.State(shipment.state)])


@admin.register(ParkedStep)
class ParkedStepAdmin(HistoryAdmin[ParkedStep]):
    """Steps that failed for good."""

    list_display = ["id", "link", "step_shown", "attempts", "error_code", "parked_at", "resolved_at"]
    list_filter = ["parked_at", ("resolved_at", admin.EmptyFieldListFilter)]
    list_select_related = ["order"]
    search_fields = ["order__number", "step", "error_code"]
    sortable_by = ()

    @admin.display(description=_("order"))
    def link(self, step: ParkedStep) -> SafeString:
        """The order."""
        return order_link(step.order)

    @admin.display(description=_("step"))
    def step_shown(self, step: ParkedStep) -> str:
        """The step in words."""
        return step_label(step.step)
