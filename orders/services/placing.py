"""Placing an order: its rows, its hold, and what starts its process."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext as _

from holo.audit.operations import record_audit
from holo.common.actor import Actor
from holo.common.errors import FieldProblem
from holo.common.money import Money, checked_minor
from holo.idempotency.commands import RequestKey, command, record_step
from inventory.errors import UnknownSkuError
from inventory.models import Product
from inventory.operations import Short, Shortage, Want, note_refused_demand, reserve_stock
from inventory.selectors import find_short, get_products_by_sku
from orders.errors import (
    AmountMismatchError,
    BuyerLimitError,
    ClientRefTakenError,
    OutOfStockError,
    UnsupportedCurrencyError,
)
from orders.events import ORDER_PLACED, announce_placed
from orders.holds import FirstWait, begin_wait, first_wait, open_approval, reservation_key, shown_shortages
from orders.locks import lock_room
from orders.models import Order, OrderLine, Payment
from orders.operations import digest_of, insert_attempt, record_placed, request_attempt
from orders.origins import Origin
from orders.selectors import Waiting, pieces_of_unpaid_orders, waiting_at
from orders.steps import Step
from orders.subject import SUBJECT_TYPE, owner_of

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
    # What the payment provider calls the means of payment; None to pay later.
    payment_token: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A new order with what it waits for, and the attempt to pay that came with it."""

    order: Order
    wait: FirstWait
    payment: Payment | None

    @property
    def waiting(self) -> Waiting:
        """What the order waits for, and what happens by itself."""
        return waiting_at(self.wait.status, self.wait.deadline, is_charged=self.payment is not None)


@command
def place_order(*, actor: Actor, placement: Placement, request_key: RequestKey | None = None) -> Placed:
    """Write a new order that holds its goods; the relay starts its process after the commit.

    The goods are held, the decision asked for and the first deadline set here, and not by the process, so
    that the answer says what is true (ADR 0024). All else is written first: a product that many want is
    locked for as short as possible.

    Idempotent by `request_key`, and by `client_ref` within the organisation. Locks: the buyer, and the
    network of a public token; then stock rows. Lines of one SKU are added up; prices are copied. Raises
    UnknownSkuError (422, one problem per line), AmountMismatchError, AmountOverflowError,
    ClientRefTakenError, UnsupportedCurrencyError, BuyerLimitError, OutOfStockError, and BusyError where the
    stock is not had in time.
    """
    wanted = _added_up(placement.lines)
    products = _products(actor, placement.lines)
    total = _total(placement, products, wanted)
    if placement.buyer:
        _require_room(actor, placement, sum(wanted.values()))
    if placement.origin is not None:
        _require_room_from(actor, placement.origin, sum(wanted.values()))
    wants = [Want(product_id=products[sku].pk, quantity=count) for sku, count in wanted.items()]
    # Without a lock: an order of what is sold out writes no rows and waits for nobody.
    if short := find_short(organization_id=actor.organization_id, wants=wants):
        if first := _order_named(actor, placement):
            raise _client_ref_taken(first, actor)
        raise _out_of_stock(actor, placement, products, short)
    order = _insert_order(actor, placement, total)
    lines = _insert_lines(order, products, wanted)
    wait = first_wait(order)
    token = placement.payment_token
    payment = None if token is None else insert_attempt(order, token=token, attempt=1)
    _write_process(order, wait, lines, payment, actor=actor)
    outcome = reserve_stock(
        organization_id=order.organization_id,
        owner=owner_of(order),
        wants=wants,
        expires_at=wait.hold_expires_at,
        most_waiting=max(1, settings.WEB_THREADS * 3 // 4),
        then=partial(begin_wait, order, wait),
    )
    if isinstance(outcome, Short):
        raise _out_of_stock(actor, placement, products, outcome.shortages)
    order.updated_at = outcome.written_at
    if payment is not None:
        request_attempt(order, actor=actor, payment=payment)
    return Placed(order=order, wait=wait, payment=payment)


def _out_of_stock(
    actor: Actor, placement: Placement, products: Mapping[str, Product], shortages: Sequence[Shortage]
) -> OutOfStockError:
    """Return the refusal of an order of more than there is; what was wanted is counted after it.

    A public token lies open in a browser: its holder is not told how many there are.
    """
    skus = {product.pk: sku for sku, product in products.items()}
    short = {skus[shortage.product_id]: shortage for shortage in shortages}
    tells = actor.buyer is None
    error = OutOfStockError(
        _("there is not enough stock"),
        errors=[
            FieldProblem(
                pointer=line.pointer,
                code=OutOfStockError.code,
                message=_("%(available)d available, %(requested)d wanted")
                % {"available": short[line.sku].available, "requested": short[line.sku].requested}
                if tells
                else _("not enough of it"),
            )
            for line in placement.lines
            if line.sku in short
        ],
        shortages=shown_shortages(shortages, skus, tells=tells),
    )
    wanted = {shortage.product_id: shortage.requested for shortage in shortages}
    error.remains = partial(note_refused_demand, organization_id=actor.organization_id, wanted=wanted)
    return error


def _insert_lines(
    order: Order, products: Mapping[str, Product], wanted: Mapping[str, int]
) -> list[OrderLine]:
    return OrderLine.objects.bulk_create(
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


def _write_process(
    order: Order, wait: FirstWait, lines: Sequence[OrderLine], payment: Payment | None, *, actor: Actor
) -> None:
    """Write what starts the order's process, and what it finds when it asks where the order stands."""
    record_placed(order, actor)
    record_audit(actor=actor, action=ORDER_PLACED, subject_type=SUBJECT_TYPE, subject_id=order.pk)
    if wait.needs_approval:
        content = [[line.sku, line.name, line.quantity, line.unit_price_minor] for line in lines]
        digest = digest_of(order.number, order.currency, order.total_minor, content)
        open_approval(order, wait, version=order.version + 1, digest=digest)
    record_step(key=reservation_key(order.pk), result=Step, outcome=wait.step())
    announce_placed(order, wait.step(None if payment is None else payment.pk))


def _total(placement: Placement, products: Mapping[str, Product], wanted: Mapping[str, int]) -> Money:
    """Return what the order costs, which is what its client expects if it says so."""
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
    return total


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


def _next_number(organization_id: UUID) -> tuple[str, datetime]:
    """Return the number of a new order and the database's time."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY'), orders_next_number(%s), clock_timestamp()",
            [organization_id],
        )
        row = cursor.fetchone()
    assert row is not None, "the function answers with one row"
    year, number, now = row
    return f"SO-{year}-{number:06d}", now


def _insert_order(actor: Actor, placement: Placement, total: Money) -> Order:
    origin = placement.origin or Origin()
    number, now = _next_number(actor.organization_id)
    order = Order(
        organization_id=actor.organization_id,
        number=number,
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
    order.aborted, order.handed_over, order.locked_at = False, False, now
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
