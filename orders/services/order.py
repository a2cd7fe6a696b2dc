"""Placing an order and giving it up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext as _

from holo.audit.operations import record_audit
from holo.common.actor import Actor
from holo.common.clock import database_now
from holo.common.errors import FieldProblem
from holo.common.money import Money, checked_minor
from holo.idempotency.commands import RequestKey, command
from inventory.errors import UnknownSkuError
from inventory.models import Product
from inventory.selectors import get_products_by_sku
from orders.errors import (
    AmountMismatchError,
    BuyerLimitError,
    ClientRefTakenError,
    NotCancellableError,
    UnsupportedCurrencyError,
)
from orders.events import CANCEL_REQUESTED, ORDER_PLACED, announce
from orders.locks import lock_order, lock_room
from orders.models import Order, OrderLine
from orders.operations import abort_order, is_aborted, record_placed
from orders.origins import Origin
from orders.selectors import pieces_of_unpaid_orders
from orders.states import AbortReason, Status
from orders.subject import SUBJECT_TYPE

ACCEPTED_CURRENCY = "CNY"


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedLine:
    """One line as the client sent it; `pointer` says where."""

    sku: str
    quantity: int
    pointer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """An order as the client wants it. `expected` is what the client thinks it costs.

    `buyer` is whose unpaid orders hold no more than ORDER_BUYER_PIECES; empty for nobody in particular.
    `origin` is where a public token orders from, whose unpaid orders have limits of their own.
    """

    lines: Sequence[WantedLine]
    expected: Money | None = None
    client_ref: str | None = None
    buyer: str = ""
    origin: Origin | None = None
    ship_to: Mapping[str, str] | None = None
    sandbox: Mapping[str, object] | None = None


@command
def place_order(*, actor: Actor, placement: Placement, request_key: RequestKey | None = None) -> Order:
    """Write a new order with its lines; the relay starts its workflow after the commit.

    Idempotent by `request_key`, and by `client_ref` within the organisation. Orders of one buyer are placed
    one after the other, and those of public tokens from one network too; else no locks are taken. Lines of
    one SKU are added up; prices are copied. Raises UnknownSkuError (422, one problem per line),
    AmountMismatchError, AmountOverflowError, ClientRefTakenError, UnsupportedCurrencyError, BuyerLimitError.
    """
    wanted = _added_up(placement.lines)
    products = _products(actor, placement.lines)
    if any(product.currency != ACCEPTED_CURRENCY for product in products.values()):
        raise UnsupportedCurrencyError(
            _("only %(currency)s is accepted for now") % {"currency": ACCEPTED_CURRENCY}
        )
    total = Money(
        minor=checked_minor(sum(products[sku].price_minor * count for sku, count in wanted.items())),
        currency=ACCEPTED_CURRENCY,
    )
    if placement.expected is not None and placement.expected != total:
        raise AmountMismatchError(
            _("the order costs %(total)s %(currency)s, not %(expected)s")
            % {"total": total.text, "currency": total.currency, "expected": placement.expected.text},
            errors=[
                FieldProblem(
                    pointer="/amount",
                    code="orders.amount_mismatch",
                    message=_("expected %(total)s") % {"total": total.text},
                )
            ],
            expected=placement.expected.as_wire(),
            actual=total.as_wire(),
        )
    if placement.buyer:
        _require_room(actor, placement, sum(wanted.values()))
    if placement.origin is not None:
        _require_room_from(actor, placement.origin, sum(wanted.values()))
    order = _insert_order(actor, placement, total)
    OrderLine.objects.bulk_create(
        OrderLine(
            organization_id=order.organization_id,
            order=order,
            product=products[sku],
            position=position,
            sku=sku,
            name=products[sku].name,
            quantity=count,
            unit_price_minor=products[sku].price_minor,
        )
        for position, (sku, count) in enumerate(wanted.items(), start=1)
    )
    order.aborted = False
    record_placed(order, actor)
    record_audit(actor=actor, action=ORDER_PLACED, subject_type=SUBJECT_TYPE, subject_id=order.pk)
    announce(ORDER_PLACED, order)
    return order


def _added_up(lines: Sequence[WantedLine]) -> dict[str, int]:
    wanted: dict[str, int] = {}
    for line in lines:
        wanted[line.sku] = wanted.get(line.sku, 0) + line.quantity
    return wanted


def _products(actor: Actor, lines: Sequence[WantedLine]) -> dict[str, Product]:
    products = get_products_by_sku(
        organization_id=actor.organization_id, skus=sorted({line.sku for line in lines})
    )
    unknown = [
        FieldProblem(
            pointer=line.pointer, code=UnknownSkuError.code, message=_("no active product has this SKU")
        )
        for line in lines
        if line.sku not in products
    ]
    if unknown:
        raise UnknownSkuError(_("some lines name no active product"), errors=unknown)
    return products


def _require_room(actor: Actor, placement: Placement, pieces: int) -> None:
    """Refuse to let one buyer empty the shop with orders that nobody pays.

    Whoever asks again for an order that fills the room, and names it, is told that it is there.
    """
    lock_room(actor.organization_id, placement.buyer)
    held = pieces_of_unpaid_orders(actor.organization_id, buyer=placement.buyer)
    if held + pieces > settings.ORDER_BUYER_PIECES:
        if first := _order_named(actor, placement):
            raise _client_ref_taken(first, actor)
        raise BuyerLimitError(
            _("this buyer's unpaid orders hold %(held)d pieces already, and may hold %(allowed)d")
            % {"held": held, "allowed": settings.ORDER_BUYER_PIECES},
            held=held,
            wanted=pieces,
            allowed=settings.ORDER_BUYER_PIECES,
        )


def _require_room_from(actor: Actor, origin: Origin, pieces: int) -> None:
    """Refuse to let one stranger empty the shop under the names of many buyers.

    The answer says nothing of how much others from there hold.
    """
    for name, mark, allowed in (
        ("origin_address", origin.address, settings.ORDER_ADDRESS_PIECES),
        ("origin_network", origin.network, settings.ORDER_NETWORK_PIECES),
    ):
        if not mark:
            continue
        lock_room(actor.organization_id, mark)
        if pieces_of_unpaid_orders(actor.organization_id, **{name: mark}) + pieces > allowed:
            raise BuyerLimitError(
                _("unpaid orders from this network address hold as many pieces as they may"),
                wanted=pieces,
                allowed=allowed,
            )


def _next_number(organization_id: UUID) -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY'), orders_next_number(%s)", [organization_id]
        )
        year, number = cursor.fetchone() or ("", 0)
    return f"SO-{year}-{number:06d}"


def _insert_order(actor: Actor, placement: Placement, total: Money) -> Order:
    origin = placement.origin or Origin()
    order = Order(
        organization_id=actor.organization_id,
        number=_next_number(actor.organization_id),
        currency=total.currency,
        total_minor=total.minor,
        created_by_id=actor.person,
        api_key_id=actor.api_key_id,
        client_ref=placement.client_ref,
        buyer=placement.buyer,
        origin_address=origin.address,
        origin_network=origin.network,
        ship_to=dict(placement.ship_to) if placement.ship_to else None,
        sandbox=dict(placement.sandbox or {}),
    )
    if placement.client_ref is None:
        order.save(force_insert=True)
        return order
    try:
        with transaction.atomic():
            order.save(force_insert=True)
    except IntegrityError as error:
        first = _order_named(actor, placement)
        if first is None:
            raise
        raise _client_ref_taken(first, actor) from error
    return order


def _order_named(actor: Actor, placement: Placement) -> Order | None:
    """Return the order that has the placement's client_ref already."""
    if placement.client_ref is None:
        return None
    return Order.objects.filter(
        organization_id=actor.organization_id, client_ref=placement.client_ref
    ).first()


def _client_ref_taken(first: Order, actor: Actor) -> ClientRefTakenError:
    if actor.buyer not in (None, first.buyer):
        # Whose it is and how many orders there are is nothing that another buyer learns.
        return ClientRefTakenError(_("client_ref names another order already"))
    return ClientRefTakenError(
        _("client_ref names order %(number)s already") % {"number": first.number},
        order_id=str(first.pk),
        number=first.number,
        link=f"/api/v1/orders/{first.pk}",
    )


@command
def cancel_order(
    *,
    actor: Actor,
    order_id: UUID,
    reason: AbortReason = AbortReason.REQUESTED,
    request_key: RequestKey | None = None,
) -> Order:
    """Commit that the order is cancelled; its process undoes what was done, then it ends as `cancelled`.

    An order that is parked before its handover goes on at once: who cancels need not ask for a retry too.
    Idempotent by the abort row: while the order is being undone another call changes nothing. Locks the
    order, then its approval request. Raises NotFoundError, NotCancellableError (handed over, or ended).
    """
    order = lock_order(order_id, actor=actor)
    if order.is_terminal:
        raise NotCancellableError(
            _("the order has ended as %(status)s") % {"status": order.status}, status=order.status
        )
    if is_aborted(order):
        return order
    if not abort_order(order, ends_as=Status.CANCELLED, reason=reason, actor=actor):
        raise NotCancellableError(_("the order has been handed over to its carrier"), status=order.status)
    order.parked_steps.filter(resolved_at__isnull=True).update(retry_requested_at=database_now())
    record_audit(actor=actor, action=CANCEL_REQUESTED, subject_type=SUBJECT_TYPE, subject_id=order.pk)
    announce(CANCEL_REQUESTED, order)
    return order
