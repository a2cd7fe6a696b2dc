"""How an order looks to whoever decides about it."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from holo.approvals.subjects import SubjectView, register_subject
from holo.common.admin import badge
from orders.admin.words import STATUS_TONES
from orders.models import Order
from orders.states import Status
from orders.subject import SUBJECT_TYPE


def register() -> None:
    """Tell the approval inbox how orders look."""
    register_subject(SUBJECT_TYPE, SubjectView(template="orders/subject.html", contexts=order_contexts))


def order_contexts(order_ids: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    """Return each order with status and lines, in two queries."""
    orders = Order.objects.filter(pk__in=order_ids).select_related("created_by").prefetch_related("lines")
    return {
        order.pk: {
            "order": order,
            "lines": order.lines.all(),
            "status": badge(order.get_status_display(), STATUS_TONES[Status(order.status)]),
        }
        for order in orders
    }
