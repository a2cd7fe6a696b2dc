"""The list of orders and the page of one."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from holo.approvals.models import ApprovalRequest
from holo.approvals.words import time_left, urgency
from holo.common.admin import badge
from holo.common.admin_commands import CommandAdmin
from holo.common.clock import database_now
from holo.identity.staff import OrganizationLimited
from orders.admin.commands import COMMANDS
from orders.admin.detail import order_page
from orders.admin.words import STATUS_TONES, wait_label
from orders.models import Order
from orders.selectors import get_order, get_standing, waiting_of
from orders.states import Status
from orders.subject import SUBJECT_TYPE


@admin.register(Order)
class OrderAdmin(OrganizationLimited[Order], CommandAdmin[Order]):
    """Orders, newest first; nothing is edited here, what people may do are commands."""

    audit_subject = "orders.order"
    commands = COMMANDS
    list_display = [
        "number_shown",
        "status_shown",
        "total_shown",
        "waits_for",
        "due",
        "created_by",
        "created_at",
    ]
    list_display_links = ["number_shown"]
    list_filter = ["status", "created_at"]
    search_fields = ["number", "client_ref", "buyer"]
    list_select_related = ["created_by", "abort", "handover"]
    ordering = ["-id"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Order]:
        """Return the orders with what tells what they wait for."""
        return super().get_queryset(request).prefetch_related("payments")

    def command_queryset(self, request: HttpRequest) -> QuerySet[Order]:
        """Return the orders with what tells whether a command makes sense."""
        return self.get_queryset(request).select_related("abort", "handover")

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Read the approval requests of all rows at once."""
        changelist = super().get_changelist_instance(request)
        moment = database_now()
        requests = {
            row.subject_id: row
            for row in ApprovalRequest.objects.filter(
                subject_type=SUBJECT_TYPE, subject_id__in=[order.pk for order in changelist.result_list]
            ).order_by("subject_version")
        }
        for order in changelist.result_list:
            order._waiting = waiting_of(order, requests.get(order.pk), getattr(order, "abort", None))
            order._now = moment
        return changelist

    @admin.display(description=_("number"), ordering="id")
    def number_shown(self, order: Order) -> SafeString:
        """The number, and the client's own below it."""
        reference = format_html('<span class="quiet">{}</span>', order.client_ref) if order.client_ref else ""
        return format_html('<span class="strong">{}</span> {}', order.number, reference)

    @admin.display(description=_("status"), ordering="status")
    def status_shown(self, order: Order) -> SafeString:
        """The status as a badge."""
        return badge(order.get_status_display(), STATUS_TONES[Status(order.status)])

    @admin.display(description=_("total"), ordering="total_minor")
    def total_shown(self, order: Order) -> SafeString:
        """The sum of the lines."""
        return format_html('<span class="amount">{}</span>', order.total)

    @admin.display(description=_("waits for"))
    def waits_for(self, order: Order) -> str:
        """What the order waits for."""
        waiting = order._waiting  # type: ignore[attr-defined]  # set where the list is made
        return "–" if waiting.kind == "none" else wait_label(waiting)

    @admin.display(description=_("deadline"))
    def due(self, order: Order) -> SafeString | str:
        """How long it waits."""
        waiting, now = order._waiting, order._now  # type: ignore[attr-defined]
        if waiting.deadline is None:
            return "–"
        # A payment is the customer's to make: nobody here is late.
        tone = urgency(waiting.deadline, now) if waiting.kind == "approval" else "neutral"
        return badge(time_left(waiting.deadline, now), tone)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show one order in full; refuse and note a POST."""
        if request.method == "POST":
            self.refuse_write(request, "change", [object_id])
        if not self.has_view_permission(request):
            raise PermissionDenied
        found = self.get_object(request, object_id)
        if found is None:
            raise Http404
        order = get_order(Order.objects.all(), found.pk)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": order.number,
            "buttons": self._buttons(request, order),
            **order_page(request, get_standing(order)),
        }
        return TemplateResponse(request, "orders/order.html", context)

    def _buttons(self, request: HttpRequest, order: Order) -> Sequence[Any]:
        return [command for command in self.commands if command.offered(request, order)]
