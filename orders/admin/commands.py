"""Cancel and retry as commands of the admin."""

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from holo.common.admin_command import AdminCommand, Text
from holo.common.errors import DomainError
from holo.identity.staff import actor_of_user, person_of
from orders.admin.subject import order_contexts
from orders.admin.words import status_label
from orders.models import Order
from orders.services import cancel_order, request_retry
from orders.states import Status


class OrderCommand(AdminCommand[Order]):
    """A command on orders, for who has its permission."""

    template = "orders/item.html"
    permission: str

    def allowed(self, request: HttpRequest) -> bool:
        """Tell whether the person has the permission."""
        return request.user.has_perm(self.permission)

    def contexts(self, request: HttpRequest, rows: Sequence[Order]) -> dict[Any, dict[str, Any]]:
        """Return lines and totals."""
        return dict(order_contexts([row.pk for row in rows]))

    def explain(self, request: HttpRequest, error: DomainError) -> str:
        """Return the refusal with the status that won."""
        status = status_label(str(error.details.get("status", "")))
        texts = {
            "orders.not_cancellable": _(
                "Too late: the order has been handed over or has ended (%(status)s)."
            ),
            "orders.nothing_to_retry": _("No step waits for a retry; the order is “%(status)s”."),
            "request.busy": _("The order is being changed at this moment. Try again."),
            "request.not_found": _("There is no such order."),
        }
        return texts[error.code] % {"status": status} if error.code in texts else error.message


class CancelOrder(OrderCommand):
    """Gives an order up; its process then undoes what was done."""

    name = "cancel"
    label: Text = gettext_lazy("Cancel and roll back")
    title: Text = pgettext_lazy("page title", "Cancel and roll back")
    explanation: Text = gettext_lazy(
        "Labels are voided, the payment is refunded in full, held stock is given back; then the order ends as"
        " “cancelled”. This cannot be taken back."
    )
    tone = "danger"
    permission = "orders.cancel_order"

    def obstacle(self, request: HttpRequest, row: Order) -> Text:
        """Return why the order cannot be cancelled."""
        if row.is_terminal:
            return _("It has ended as “%(status)s”.") % {"status": row.get_status_display()}
        if getattr(row, "handover", None) is not None:
            return _("It has been handed over to its carrier.")
        if getattr(row, "abort", None) is not None:
            return _("It is being undone already.")
        return ""

    def run(self, request: HttpRequest, row: Order, *, token: str, data: dict[str, Any]) -> str:
        """Commit the cancel."""
        cancel_order(actor=actor_of_user(person_of(request), row.organization_id), order_id=row.pk)
        return _("Cancelled; what was done is being undone.")


class RetryOrder(OrderCommand):
    """Asks that an order's parked steps run again."""

    name = "retry"
    label: Text = gettext_lazy("Retry parked steps")
    title: Text = pgettext_lazy("page title", "Retry parked steps")
    explanation: Text = gettext_lazy(
        "The steps that failed run again; afterwards the order ends as it would have."
    )
    permission = "orders.retry_order"

    def obstacle(self, request: HttpRequest, row: Order) -> Text:
        """Return why there is nothing to retry."""
        if row.status != Status.NEEDS_ATTENTION:
            return _("No step waits for a retry; the order is “%(status)s”.") % {
                "status": row.get_status_display()
            }
        return ""

    def run(self, request: HttpRequest, row: Order, *, token: str, data: dict[str, Any]) -> str:
        """Commit the wish."""
        request_retry(actor=actor_of_user(person_of(request), row.organization_id), order_id=row.pk)
        return _("The parked steps run again.")


COMMANDS = (CancelOrder(), RetryOrder())
