"""Orders at every place and every end, taken there step by step, without Temporal."""

from holo.approvals.models import ApprovalDecision, ApprovalRequest
from holo.approvals.services import decide
from inventory.services import receive_stock
from orders import services
from orders.models import Order
from orders.steps import Failure
from tests.stories import (
    EAST_ONLY,
    MAC,
    PHONE,
    SOUTH_ONLY,
    Shop,
    build_person,
    build_shop,
    charge,
    hand_over,
    label,
    reserve,
    unwind,
)


def tell_story() -> dict[str, str]:
    """Take orders to where they can be; return their ids and the shelves', by name."""
    shop = build_shop()
    receive_stock(
        actor=shop.seller_actor,
        warehouse_id=shop.warehouses["SOUTH"].pk,
        product_id=shop.products[PHONE].pk,
        quantity=5,
    )
    orders = _ended(shop) | _under_way(shop)
    phone = shop.products[PHONE].stock_levels
    return {
        **{name: str(order.pk) for name, order in orders.items()},
        "east": str(phone.get(warehouse=shop.warehouses["EAST"]).pk),
        "south": str(phone.get(warehouse=shop.warehouses["SOUTH"]).pk),
        "organization": str(shop.organization.pk),
        "seller": str(shop.seller.pk),
        "stranger": str(build_person(shop.organization, "stranger").pk),
    }


def _ended(shop: Shop) -> dict[str, Order]:
    rejected = _decided(shop, ApprovalDecision.Verdict.REJECT)
    unwind(rejected)
    cancelled = _reserved(shop, PHONE)
    services.cancel_order(actor=shop.seller_actor, order_id=cancelled.pk)
    services.settle_payment(order_id=cancelled.pk)
    unwind(cancelled)
    failed = _reserved(shop, PHONE)
    for _ in range(3):
        charge(shop.pay(failed, "tok_declined"))
    unwind(failed)
    refunded = _paid(shop, EAST_ONLY, SOUTH_ONLY, carrier="fail")
    for shipment in refunded.shipments.order_by("warehouse__priority"):
        label(shipment.pk)
    unwind(refunded)
    lacking = shop.place_without_hold(PHONE, quantity=1000)
    reserve(lacking)
    return {
        "completed": _completed(shop, PHONE),
        "split": _completed(shop, EAST_ONLY, SOUTH_ONLY),
        "rejected": rejected,
        "cancelled": cancelled,
        "failed": failed,
        "refunded": refunded,
        "lacking": lacking,
    }


def _under_way(shop: Shop) -> dict[str, Order]:
    paying = _reserved(shop, PHONE)
    shop.pay(paying)
    giving_up = _reserved(shop, PHONE)
    services.cancel_order(actor=shop.seller_actor, order_id=giving_up.pk)
    parked = _paid(shop, PHONE)
    failure = Failure(step="create_label", attempts=3, error_code="x", message="y")
    services.park_order(order_id=parked.pk, failures=(failure,))
    retried = _reserved(shop, PHONE)
    services.park_order(order_id=retried.pk, failures=(failure,))
    services.request_retry(actor=shop.seller_actor, order_id=retried.pk)
    services.settle_retry(order_id=retried.pk)
    undecided = shop.place(MAC)
    return {
        "placed": shop.place_without_hold(PHONE),
        "waiting": _reserved(shop, PHONE, quantity=2),
        "paying": paying,
        "giving_up": giving_up,
        "parked": parked,
        "retried": retried,
        "undecided": undecided,
        "approved": _decided(shop, ApprovalDecision.Verdict.APPROVE),
        "fulfilling": _paid(shop, PHONE),
    }


def _reserved(shop: Shop, *skus: str, quantity: int = 1) -> Order:
    return shop.place(*skus, quantity=quantity)


def _paid(shop: Shop, *skus: str, **sandbox: str) -> Order:
    order = shop.place(*skus, **sandbox)  # type: ignore[arg-type]  # no sandbox switch is called `quantity`
    charge(shop.pay(order))
    return order


def _completed(shop: Shop, *skus: str) -> Order:
    order = _paid(shop, *skus)
    shipments = list(order.shipments.all())
    for shipment in shipments:
        label(shipment.pk)
    for shipment in shipments:
        hand_over(shipment.pk)
    return order


def _decided(shop: Shop, verdict: ApprovalDecision.Verdict) -> Order:
    order = _reserved(shop, MAC)
    request = ApprovalRequest.objects.get(subject_id=order.pk)
    decide(actor=shop.auditor_actor, request_id=request.pk, verdict=verdict, reason="looked at it")
    services.settle_approval(order_id=order.pk)
    return order
