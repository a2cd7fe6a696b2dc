"""How an order looks to whoever decides about it."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from holo.approvals.subjects import SubjectView, register_subject
from holo.common.admin import badge
from orders.admin.words import STATUS_TONES
from orders.models import Order, OrderLine
from orders.states import Status
from orders.subject import SUBJECT_TYPE

# So many lines of an order are in a mail; the page has them all.
_MAILED_LINES = 20


def register() -> None:
    """Tell the approval inbox how orders look."""
    view = SubjectView(template="orders/subject.html", contexts=order_contexts, text=order_text)
    register_subject(SUBJECT_TYPE, view)


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


def order_text(order_id: UUID) -> list[str]:
    """Return the buyer, the amount and the lines of an order, as a mail says them."""
    order = Order.objects.select_related("created_by").prefetch_related("lines").get(pk=order_id)
    lines = sorted(order.lines.all(), key=lambda line: line.position)
    more = len(lines) - _MAILED_LINES
    return [
        _("Buyer: %(buyer)s") % {"buyer": order.buyer or _("not given")},
        _("Placed by: %(person)s") % {"person": order.created_by},
        _("Amount: %(amount)s") % {"amount": order.total},
        *(f"- {_described(line)}" for line in lines[:_MAILED_LINES]),
        *(
            [ngettext("- and %(count)d more line", "- and %(count)d more lines", more) % {"count": more}]
            if more > 0
            else []
        ),
    ]


def _described(line: OrderLine) -> str:
    """Return a line of an order as one line of text, whatever the name of the product holds."""
    name = line.sku if line.name == line.sku else f"{line.sku} {line.name}"
    return " ".join(f"{line.quantity} × {name}: {line.total}".split())
