"""Whether stock, gateway, carrier and the order's own rows tell the same story of an order that has ended."""

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import pairwise

from holo.outbox.models import OutboxMessage
from orders.models import Order, SandboxCharge, SandboxLabel
from orders.states import Status
from tests.stories import Shop

Stock = Mapping[str, tuple[int, int]]
# What happens to an order at most once, and to each of its payments and parcels.
ONCE = ("stock_reserved", "approved", "aborted", "stock_released", "handover_begun", "completed", "closed")
ONCE_EACH = {
    "payment_captured": "payment_id",
    "payment_declined": "payment_id",
    "payment_refunded": "payment_id",
    "shipment_ready": "shipment_id",
    "shipment_refused": "shipment_id",
    "shipment_voided": "shipment_id",
    "shipment_handed_over": "shipment_id",
}


def disagreements(shop: Shop, before: Stock, *orders: Order) -> list[str]:
    """Return what does not fit together; `before` is the shop's stock before these, its only orders."""
    ended = list(Order.objects.filter(pk__in=[order.pk for order in orders]))
    problems = list(_stock(shop, ended, before))
    for order in ended:
        checks = (_gateway(order), _carrier(order), _timeline(order), _leftovers(order))
        problems += [f"{order.number}: {problem}" for check in checks for problem in check]
    return problems


def _stock(shop: Shop, orders: list[Order], before: Stock) -> Iterator[str]:
    sold: Counter[str] = Counter()
    for order in orders:
        if order.status == Status.COMPLETED:
            sold.update(dict(order.lines.values_list("sku", "quantity")))
    wanted = {sku: (on_hand - sold[sku], reserved) for sku, (on_hand, reserved) in before.items()}
    if (found := shop.stock()) != wanted:
        yield f"stock is {found}, not {wanted}"


def _gateway(order: Order) -> Iterator[str]:
    payments = {str(payment.pk): payment for payment in order.payments.all()}
    charges = {charge.key: charge for charge in SandboxCharge.objects.filter(key__in=payments)}
    kept = sum(charge.captures - charge.refunds for charge in charges.values())
    if kept != (order.status == Status.COMPLETED):
        yield f"an order that is {order.status} has {kept} captures kept"
    for key, payment in payments.items():
        charge = charges.get(key)
        found = charge.state if charge else "none"
        # An attempt that was withdrawn before its capture was never sent, or its authorisation was voided.
        if found not in {"withdrawn": ("none", "voided")}.get(payment.state, (payment.state,)):
            yield f"payment {key} is {payment.state} here and {found} at the gateway"
        if charge and (charge.captures > 1 or charge.refunds > 1):
            yield f"payment {key}: {charge.captures} captures, {charge.refunds} refunds"


def _carrier(order: Order) -> Iterator[str]:
    shipments = {str(shipment.pk): shipment for shipment in order.shipments.all()}
    labels = dict(SandboxLabel.objects.filter(key__in=shipments).values_list("key", "state"))
    for key, shipment in shipments.items():
        # A refused parcel has no label, nor has one whose label was given up before it was made.
        agreed = {"handed_over": ("handed_over",), "voided": ("voided", None), "refused": (None,)}
        if labels.get(key) not in agreed.get(shipment.state, ()):
            yield f"parcel {key} is {shipment.state} here and {labels.get(key)} at the carrier"
        if (shipment.state == "handed_over") != (order.status == Status.COMPLETED):
            yield f"parcel {key} is {shipment.state} of an order that is {order.status}"


def _timeline(order: Order) -> Iterator[str]:
    events = list(order.events.order_by("id"))
    kinds = Counter(event.kind for event in events)
    yield from (f"{kind} happened {kinds[kind]} times" for kind in ONCE if kinds[kind] > 1)
    each = Counter((e.kind, e.data[ONCE_EACH[e.kind]]) for e in events if e.kind in ONCE_EACH)
    yield from (
        f"{kind} of {subject} happened {count} times" for (kind, subject), count in each.items() if count > 1
    )
    versions = [event.version for event in events]
    if versions != list(range(versions[0], versions[0] + len(versions))) or versions[-1] != order.version:
        yield f"the versions of the timeline are {versions}, that of the order {order.version}"
    moves = [event for event in events if event.to_status]
    for earlier, later in pairwise(moves):
        if later.from_status and later.from_status != earlier.to_status:
            yield f"the timeline goes from {earlier.to_status} to one that left {later.from_status}"


def _leftovers(order: Order) -> Iterator[str]:
    if order.parked_steps.filter(resolved_at__isnull=True).exists():
        yield "a parked step is not resolved"
    dead = OutboxMessage.objects.filter(dead_at__isnull=False)
    yield from (f"message {message.topic} is a dead letter: {message.last_error}" for message in dead)
