"""What the order endpoints answer with."""

from datetime import datetime
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from orders.models import Order, OrderEvent, Shipment
from orders.selectors import WAITS, Standing
from orders.services.placing import Placed
from orders.states import AbortReason, Status


class MoneyAnswer(serializers.Serializer[Any]):
    """An amount in major units, as text, with its currency."""

    amount = serializers.CharField(source="text", help_text="Major units, such as 500.00")
    currency = serializers.CharField(help_text="ISO 4217")


class LinksAnswer(serializers.Serializer[Any]):
    """Where to go from an order."""

    self = serializers.CharField()
    timeline = serializers.CharField()
    pay = serializers.CharField()
    cancel = serializers.CharField()
    audit = serializers.CharField()


def links(order: Order) -> dict[str, str]:
    """Return the paths of an order's resources."""
    base = f"/api/v1/orders/{order.pk}"
    return {"self": base, **{name: f"{base}/{name}" for name in ("timeline", "pay", "cancel", "audit")}}


class OrderAnswer(serializers.Serializer[Order]):
    """An order in short."""

    id = serializers.UUIDField()
    number = serializers.CharField(help_text="Unique in the organisation and rising; gaps are normal")
    status = serializers.ChoiceField(choices=Status.values)
    status_reason = serializers.SerializerMethodField()
    total = MoneyAnswer()
    client_ref = serializers.CharField(allow_null=True)
    buyer = serializers.CharField(help_text="Whose unpaid orders are counted together; empty for nobody")
    version = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    links = serializers.SerializerMethodField()

    @extend_schema_field(serializers.ChoiceField(choices=AbortReason.values, allow_null=True))
    def get_status_reason(self, order: Order) -> str | None:
        """Why the order was given up, if it was."""
        abort = None if order.aborted is False else getattr(order, "abort", None)
        return None if abort is None else abort.reason

    @extend_schema_field(LinksAnswer)
    def get_links(self, order: Order) -> dict[str, str]:
        """Paths of the order's resources."""
        return links(order)


class LineAnswer(serializers.Serializer[Any]):
    """One line, with the price of the time of placement."""

    sku = serializers.CharField()
    name = serializers.CharField()
    quantity = serializers.IntegerField()
    unit_price = MoneyAnswer()
    total = MoneyAnswer()


class WaitingAnswer(serializers.Serializer[Any]):
    """What the order waits for, until when, and what then happens by itself."""

    kind = serializers.ChoiceField(choices=WAITS)
    deadline = serializers.DateTimeField(allow_null=True)
    next_action = serializers.CharField()


class DecisionAnswer(serializers.Serializer[Any]):
    """A recorded decision."""

    verdict = serializers.ChoiceField(choices=["approve", "reject"])
    by = serializers.CharField(source="actor.email")
    reason = serializers.CharField()
    at = serializers.DateTimeField(source="created_at")


class ReasonAnswer(serializers.Serializer[Any]):
    """Why a decision is needed."""

    rule = serializers.CharField()
    measured = serializers.CharField()
    threshold = serializers.CharField()


class ApprovalAnswer(serializers.Serializer[Any]):
    """The request for a decision about an order."""

    id = serializers.UUIDField()
    state = serializers.ChoiceField(choices=["open", "approved", "rejected", "expired", "withdrawn"])
    reasons = ReasonAnswer(many=True)
    digest = serializers.CharField(source="subject_digest")
    deadline = serializers.DateTimeField()
    closed_at = serializers.DateTimeField(allow_null=True)
    applied_at = serializers.DateTimeField(allow_null=True)
    decisions = DecisionAnswer(many=True)


class PaymentAnswer(serializers.Serializer[Any]):
    """One attempt to pay."""

    id = serializers.UUIDField()
    attempt = serializers.IntegerField()
    state = serializers.ChoiceField(choices=["requested", "captured", "declined", "withdrawn", "refunded"])
    amount = MoneyAnswer()
    decline_code = serializers.CharField()
    created_at = serializers.DateTimeField()


class ShipmentLineAnswer(serializers.Serializer[Any]):
    """How much of a product is in a parcel."""

    sku = serializers.CharField(source="product.sku")
    quantity = serializers.IntegerField()


class ShipmentAnswer(serializers.Serializer[Shipment]):
    """One parcel."""

    id = serializers.UUIDField()
    warehouse = serializers.CharField(source="warehouse.code")
    state = serializers.ChoiceField(choices=Shipment.State.values)
    tracking_number = serializers.CharField()
    lines = ShipmentLineAnswer(many=True)


class ParkedStepAnswer(serializers.Serializer[Any]):
    """A step that waits for an operator."""

    step = serializers.CharField()
    attempts = serializers.IntegerField()
    error_code = serializers.CharField()
    message = serializers.CharField()
    parked_at = serializers.DateTimeField()
    retry_requested_at = serializers.DateTimeField(allow_null=True)


class PlacedAnswer(OrderAnswer):
    """A new order: its goods are held until `hold_expires_at`, and what happens next is in `waiting`."""

    waiting = WaitingAnswer()
    hold_expires_at = serializers.DateTimeField()
    payment = PaymentAnswer(allow_null=True, help_text="The attempt that came with the order")


class OrderDetailAnswer(OrderAnswer):
    """An order in full: where its process is and what happens next."""

    waiting = WaitingAnswer()
    cancellable = serializers.BooleanField(help_text="Whether POST cancel would still be accepted")
    hold_expires_at = serializers.DateTimeField(allow_null=True)
    lines = LineAnswer(many=True)
    approval = ApprovalAnswer(allow_null=True)
    payments = PaymentAnswer(many=True)
    shipments = ShipmentAnswer(many=True)
    parked_steps = ParkedStepAnswer(many=True)


class TimelineEntryAnswer(serializers.Serializer[OrderEvent]):
    """One entry of the timeline."""

    version = serializers.IntegerField()
    kind = serializers.CharField()
    from_status = serializers.CharField()
    to_status = serializers.CharField()
    by = serializers.CharField()
    data = serializers.DictField()  # type: ignore[assignment]  # declared fields leave `.data` alone
    at = serializers.DateTimeField(source="created_at")


class DecidedAnswer(serializers.Serializer[Any]):
    """A decision that was accepted; `applied_at` is null until the order's process has acted on it."""

    order_id = serializers.UUIDField()
    request_id = serializers.UUIDField()
    verdict = serializers.ChoiceField(choices=["approve", "reject"])
    state = serializers.CharField()
    decided_at = serializers.DateTimeField()
    applied_at = serializers.DateTimeField(allow_null=True)


# What an entry's data tells the order's buyer.
_OF_BUYERS = frozenset({"payment_id", "attempt", "amount", "total", "tracking_number", "ends_as"})
# One for all: making a serializer copies all its fields, which takes longer than to use it.
_ORDER, _WAITING = OrderAnswer(), WaitingAnswer()


def render_order(order: Order) -> dict[str, Any]:
    """Return an order in short, as JSON data."""
    return dict(_ORDER.to_representation(order))


def render_placed(placed: Placed) -> dict[str, Any]:
    """Return a new order as JSON data."""
    return {
        **render_order(placed.order),
        "waiting": _WAITING.to_representation(placed.waiting),
        "hold_expires_at": _moment(placed.wait.hold_expires_at),
        "payment": None if placed.payment is None else dict(PaymentAnswer(placed.payment).data),
    }


def render_event(event: OrderEvent) -> dict[str, Any]:
    """Return an entry of the timeline, as JSON data."""
    return dict(TimelineEntryAnswer().to_representation(event))


def render_event_to_buyer(event: OrderEvent) -> dict[str, Any]:
    """Return an entry of the timeline as the order's buyer may see it: not by whom, nor why it failed."""
    entry = render_event(event)
    data = {name: value for name, value in entry["data"].items() if name in _OF_BUYERS}
    return {**entry, "by": "", "data": data}


def shown_to_buyer(standing: dict[str, Any]) -> dict[str, Any]:
    """Return an order in full as its buyer may see it, whose token lies open in a browser.

    Left out is what the shop keeps to itself: its rules, who decided and why, and what went wrong inside.
    """
    approval = standing["approval"]
    if approval is not None:
        approval = {**approval, "reasons": [], "digest": "", "decisions": []}
    return {**standing, "approval": approval, "parked_steps": []}


def render_standing(standing: Standing) -> dict[str, Any]:
    """Return an order in full, as JSON data."""
    order = standing.order
    return {
        **render_order(order),
        "waiting": WaitingAnswer(standing.waiting).data,
        "cancellable": not (order.is_terminal or standing.abort or standing.handed_over),
        "hold_expires_at": _moment(standing.hold_expires_at),
        "lines": LineAnswer(order.lines.all(), many=True).data,
        "approval": ApprovalAnswer(standing.approval).data if standing.approval else None,
        "payments": PaymentAnswer(order.payments.all(), many=True).data,
        "shipments": [ShipmentAnswer(shipment).data for shipment in order.shipments.all()],
        "parked_steps": ParkedStepAnswer(standing.parked, many=True).data,
    }


def _moment(value: datetime | None) -> str | None:
    return serializers.DateTimeField().to_representation(value) if value is not None else None
