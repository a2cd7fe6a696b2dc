"""The figures of the start page, and the orders that wait for an operator."""

from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from holo.common.dashboard import Panel, register_panel
from holo.identity.staff import organization_ids
from orders.models import Order
from orders.states import Status

_SHOWN = 5


def register() -> None:
    """Put the panels on the start page."""
    register_panel(Panel(position=10, template="orders/panel_figures.html", context=figures))
    register_panel(Panel(position=30, template="orders/panel_attention.html", context=attention))


def figures(request: HttpRequest) -> dict[str, Any] | None:
    """Return four figures with where each leads; None for who may not see orders."""
    if not request.user.has_perm("orders.view_order"):
        return None
    today = localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    completed = Q(status=Status.COMPLETED, updated_at__gte=today)
    waiting = (Status.AWAITING_APPROVAL, Status.AWAITING_PAYMENT, Status.NEEDS_ATTENTION)
    orders = Order.objects.filter(organization_id__in=organization_ids(request))
    counts = orders.filter(Q(status__in=waiting) | completed).aggregate(
        **{str(status): Count("pk", filter=Q(status=status)) for status in (*waiting, Status.COMPLETED)}
    )
    cards = [
        (_("Waiting for approval"), counts[Status.AWAITING_APPROVAL], _inbox(request), "warn"),
        (_("Awaiting payment"), counts[Status.AWAITING_PAYMENT], _orders(Status.AWAITING_PAYMENT), "info"),
        (_("Needs attention"), counts[Status.NEEDS_ATTENTION], _orders(Status.NEEDS_ATTENTION), "bad"),
        (
            _("Completed today"),
            counts[Status.COMPLETED],
            _orders(Status.COMPLETED, updated_at__gte=today.isoformat()),
            "good",
        ),
    ]
    return {
        "cards": [
            {"label": label, "count": count, "url": url, "tone": tone if count else "neutral"}
            for label, count, url, tone in cards
        ]
    }


def attention(request: HttpRequest) -> dict[str, Any] | None:
    """Return the orders whose steps are parked, for who may retry them; None if there are none."""
    if not request.user.has_perm("orders.retry_order"):
        return None
    orders = list(
        Order.objects.filter(
            organization_id__in=organization_ids(request), status=Status.NEEDS_ATTENTION
        ).order_by("-id")[: _SHOWN + 1]
    )
    if not orders:
        return None
    return {"orders": orders[:_SHOWN], "url": _orders(Status.NEEDS_ATTENTION)}


def _orders(status: Status, **further: str) -> str:
    query = urlencode({"status__exact": status.value, **further})
    return f"{reverse('admin:orders_order_changelist')}?{query}"


def _inbox(request: HttpRequest) -> str:
    if request.user.has_perm("approvals.view_approvalrequest"):
        query = urlencode({"state__exact": "open"})
        return f"{reverse('admin:approvals_approvalrequest_changelist')}?{query}"
    return _orders(Status.AWAITING_APPROVAL)
