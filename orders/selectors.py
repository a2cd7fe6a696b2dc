"""Reads of orders."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet, Sum
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from holo.approvals.models import ApprovalRequest
from holo.approvals.selectors import find_latest_request
from holo.common.actor import Actor
from holo.common.errors import NotFoundError
from holo.identity.actor_names import actor_name
from inventory.selectors import get_holding
from orders.models import Order, OrderAbort, OrderEvent, OrderHandover, ParkedStep, Payment, Shipment
from orders.states import TERMINAL, UNPAID, Status
from orders.subject import SUBJECT_TYPE, owner_of


def get_organization_id(order_id: UUID) -> UUID:
    """Return whose order it is. Raises NotFoundError."""
    organization_id = Order.objects.filter(pk=order_id).values_list("organization_id", flat=True).first()
    if organization_id is None:
        raise NotFoundError(_("there is no such order"))
    return organization_id


def is_finished(order_id: UUID) -> bool:
    """Tell whether nothing will happen to the order any more."""
    return Order.objects.filter(pk=order_id, status__in=TERMINAL).exists()


def orders_of(actor: Actor) -> QuerySet[Order]:
    """Return the orders that an actor reaches: those of the organisation, or of one buyer there."""
    orders = Order.objects.filter(organization_id=actor.organization_id)
    return orders if actor.buyer is None else orders.filter(buyer=actor.buyer)


def list_orders(actor: Actor) -> QuerySet[Order]:
    """Return the orders that an actor reaches, newest first."""
    return orders_of(actor).select_related("abort").order_by("-id")


def get_order(orders: QuerySet[Order], order_id: UUID) -> Order:
    """Return one of some orders with its lines, payments and shipments. Raises NotFoundError."""
    order = (
        orders.filter(pk=order_id)
        .select_related("created_by", "abort__actor")
        .prefetch_related(
            "lines",
            "payments",
            Prefetch(
                "shipments",
                queryset=Shipment.objects.select_related("warehouse").prefetch_related("lines__product"),
            ),
        )
        .first()
    )
    if order is None:
        raise NotFoundError(_("there is no such order"))
    return order


def list_timeline(orders: QuerySet[Order], order_id: UUID) -> QuerySet[OrderEvent]:
    """Return the timeline of one of some orders, oldest first; `by` is who acted. Raises NotFoundError."""
    if not orders.filter(pk=order_id).exists():
        raise NotFoundError(_("there is no such order"))
    return OrderEvent.objects.filter(order_id=order_id).annotate(by=actor_name()).order_by("id")


def pieces_of_unpaid_orders(organization_id: UUID, **of: str) -> int:
    """Return how many pieces unpaid orders want or hold, those that wait for an operator too.

    `of` says whose: their `buyer`, or the marks of where they came from.
    """
    paid = Exists(Payment.objects.filter(order=OuterRef("pk"), state=Payment.State.CAPTURED))
    unpaid = Order.objects.filter(
        Q(status__in=UNPAID) | (Q(status=Status.NEEDS_ATTENTION) & ~paid),
        organization_id=organization_id,
        **of,
    )
    return int(unpaid.aggregate(pieces=Coalesce(Sum("lines__quantity"), 0))["pieces"])


# Everything that an order can wait for.
WAITS = (
    "approval",
    "payment",
    "payment_gateway",
    "carrier",
    "compensation",
    "operator",
    "system",
    "none",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What an order waits for: `kind` is one of `WAITS`.

    `next_action` is what happens by itself at `deadline`.
    """

    kind: str
    deadline: datetime | None = None
    next_action: str = ""


def is_label_wanted(shipment_id: UUID) -> bool:
    """Tell whether the shipment still needs its label."""
    state = Shipment.State.PREPARING
    return Shipment.objects.filter(pk=shipment_id, state=state, order__abort=None).exists()


def is_charge_wanted(payment_id: UUID) -> bool:
    """Tell whether the order of a payment attempt has not been given up."""
    return Payment.objects.filter(pk=payment_id, order__abort=None).exists()


def find_approval(order: Order) -> ApprovalRequest | None:
    """Return the newest request for a decision about the order."""
    return find_latest_request(subject_type=SUBJECT_TYPE, subject_id=order.pk)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """An order with the rows that tell where its process is."""

    order: Order
    waiting: Waiting
    approval: ApprovalRequest | None
    abort: OrderAbort | None
    handed_over: bool
    parked: tuple[ParkedStep, ...]
    hold_expires_at: datetime | None


def get_standing(order: Order) -> Standing:
    """Return where the order's process is, from the rows."""
    approval = find_approval(order)
    abort = getattr(order, "abort", None)
    parked = tuple(order.parked_steps.filter(resolved_at__isnull=True))
    holding = get_holding(owner_of(order))
    return Standing(
        order=order,
        waiting=waiting_of(order, approval, abort),
        approval=approval,
        abort=abort,
        handed_over=OrderHandover.objects.filter(order=order).exists(),
        parked=parked,
        hold_expires_at=holding.expires_at if holding and holding.state == "held" else None,
    )


def waiting_at(status: Status, deadline: datetime | None, *, is_charged: bool = False) -> Waiting:
    """Return what an order in one of its first waits waits for; `is_charged` if a payment is under way."""
    if status == Status.AWAITING_APPROVAL:
        return Waiting(kind="approval", deadline=deadline, next_action="cancel")
    if is_charged:
        return Waiting(kind="payment_gateway", next_action="charge")
    return Waiting(kind="payment", deadline=deadline, next_action="cancel")


def waiting_of(order: Order, approval: ApprovalRequest | None, abort: OrderAbort | None) -> Waiting:
    """Return what the order waits for, given its newest approval request and its abort."""
    if order.is_terminal:
        return Waiting(kind="none")
    if order.status == Status.NEEDS_ATTENTION:
        return Waiting(kind="operator")
    if abort is not None:
        return Waiting(kind="compensation", next_action=f"ends_as_{abort.ends_as}")
    if order.status == Status.AWAITING_APPROVAL and approval is not None:
        return waiting_at(Status.AWAITING_APPROVAL, approval.deadline)
    if order.status == Status.AWAITING_PAYMENT:
        is_charged = any(payment.state == "requested" for payment in order.payments.all())
        return waiting_at(Status.AWAITING_PAYMENT, order.payment_deadline, is_charged=is_charged)
    if order.status == Status.FULFILLING:
        return Waiting(kind="carrier", next_action="complete")
    return Waiting(kind="system", next_action="reserve")
