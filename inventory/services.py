"""Commands of inventory: the catalogue, and goods that arrive."""

from collections.abc import Callable
from uuid import UUID

from django.db import connection
from django.db.models import Sum
from django.utils.translation import gettext as _

from holo.audit.operations import record_audit
from holo.common.actor import Actor
from holo.common.errors import NotFoundError
from holo.common.money import MAX_MINOR, Money
from holo.common.texts import clean_text, invalid_field
from holo.idempotency.commands import RequestKey, command
from inventory.errors import (
    PriceOutOfRangeError,
    QuantityOutOfRangeError,
    SkuTakenError,
    WarehouseCodeTakenError,
)
from inventory.locks import lock_product, lock_stock_level
from inventory.models import (
    MAX_QUANTITY,
    Product,
    Reservation,
    ReservationLine,
    StockMovement,
    Warehouse,
)
from inventory.operations import Owner, release_reservation
from inventory.selectors import StockLevelView

_MIN_PRIORITY, _MAX_PRIORITY = -(2**15), 2**15 - 1
# Creates the shelf or adds to it, under the row's own lock; no row comes back if it would hold too much.
_ADD_TO_SHELF = """
INSERT INTO inventory_stocklevel AS s (organization_id, product_id, warehouse_id, on_hand, reserved)
VALUES (%(organization)s, %(product)s, %(warehouse)s, %(quantity)s, 0)
ON CONFLICT (product_id, warehouse_id) DO UPDATE SET on_hand = s.on_hand + excluded.on_hand
WHERE s.on_hand + excluded.on_hand <= %(limit)s
RETURNING s.id, s.on_hand, s.reserved
"""


@command
def create_product(*, actor: Actor, sku: str, name: str, price: Money) -> Product:
    """Add a product to the actor's organisation.

    `sku` has 1 to 64 characters without blanks around, `name` 1 to 200, `price` is positive. Takes no locks;
    raises SkuTakenError, PriceOutOfRangeError, InvalidError.
    """
    product, created = Product.objects.get_or_create(
        organization_id=actor.organization_id,
        sku=clean_text(sku, field="sku", longest=64),
        defaults={
            "name": clean_text(name, field="name", longest=200, joiners=True),
            "price_minor": _price(price),
            "currency": price.currency,
        },
    )
    if not created:
        raise SkuTakenError(_("another product has the SKU %(sku)s") % {"sku": product.sku}, sku=product.sku)
    record_audit(
        actor=actor,
        action="inventory.product_created",
        subject_type="inventory.product",
        subject_id=product.pk,
        data={"sku": product.sku, "price": product.price.as_wire()},
    )
    return product


@command
def change_product(
    *,
    actor: Actor,
    product_id: UUID,
    name: str | None = None,
    price: Money | None = None,
    active: bool | None = None,
    check: Callable[[Product], None] | None = None,
) -> Product:
    """Change what is given of a product; orders keep the price they were placed at.

    `check` is called with the locked product and may raise, where the caller decided on what it saw before.
    Idempotent by nature. Locks the product. Raises NotFoundError, PriceOutOfRangeError, InvalidError, and as
    `check`.
    """
    product = lock_product(organization_id=actor.organization_id, product_id=product_id)
    if product is None:
        raise NotFoundError(_("there is no such product"))
    if check is not None:
        check(product)
    wanted: dict[str, object] = {}
    if name is not None:
        wanted["name"] = clean_text(name, field="name", longest=200, joiners=True)
    if price is not None:
        wanted |= {"price_minor": _price(price), "currency": price.currency}
    if active is not None:
        wanted["active"] = active
    before = {field: getattr(product, field) for field in wanted}
    changed = [field for field, value in wanted.items() if before[field] != value]
    if not changed:
        return product
    for field in changed:
        setattr(product, field, wanted[field])
    product.save(update_fields=changed)
    record_audit(
        actor=actor,
        action="inventory.product_changed",
        subject_type="inventory.product",
        subject_id=product.pk,
        data={field: {"before": before[field], "after": wanted[field]} for field in changed},
    )
    return product


@command
def create_warehouse(*, actor: Actor, code: str, name: str, priority: int) -> Warehouse:
    """Add a warehouse to the actor's organisation; the lowest `priority` (16 bits, signed) ships first.

    Takes no locks. Raises WarehouseCodeTakenError, InvalidError.
    """
    if not _MIN_PRIORITY <= priority <= _MAX_PRIORITY:
        raise invalid_field("priority", _("a priority lies between -32768 and 32767"))
    warehouse, created = Warehouse.objects.get_or_create(
        organization_id=actor.organization_id,
        code=clean_text(code, field="code", longest=32),
        defaults={"name": clean_text(name, field="name", longest=200, joiners=True), "priority": priority},
    )
    if not created:
        message = _("another warehouse has the code %(code)s") % {"code": warehouse.code}
        raise WarehouseCodeTakenError(message, warehouse_code=warehouse.code)
    record_audit(
        actor=actor,
        action="inventory.warehouse_created",
        subject_type="inventory.warehouse",
        subject_id=warehouse.pk,
        data={"code": warehouse.code, "priority": priority},
    )
    return warehouse


@command
def receive_stock(
    *,
    actor: Actor,
    warehouse_id: UUID,
    product_id: UUID,
    quantity: int,
    note: str = "",
    request_key: RequestKey | None = None,
) -> StockLevelView:
    """Put pieces that arrived on the shelf and write the movement.

    Idempotent by `request_key`. Locks the one stock row. `quantity` is 1 to MAX_QUANTITY, `note` at most 200
    characters. Raises NotFoundError, QuantityOutOfRangeError, InvalidError.
    """
    if not 1 <= quantity <= MAX_QUANTITY:
        raise _out_of_range()
    text = clean_text(note, field="note", longest=200, joiners=True) if note else ""
    product = Product.objects.filter(organization_id=actor.organization_id, pk=product_id).first()
    warehouse = Warehouse.objects.filter(organization_id=actor.organization_id, pk=warehouse_id).first()
    if product is None:
        raise NotFoundError(_("there is no such product"))
    if warehouse is None:
        raise NotFoundError(_("there is no such warehouse"))
    shelf = _add_to_shelf(product, warehouse, quantity)
    _record_receipt(actor, shelf, quantity, text)
    return shelf


@command
def correct_reserved(*, actor: Actor, stock_level_id: int) -> bool:
    """Set a shelf's `reserved` to what its open holds add up to; True if it is that afterwards.

    Idempotent by nature. Locks the one stock row, so that no hold begins or ends meanwhile. Where more is
    held than lies there nothing is changed: then it is the shelf that has to be counted.
    """
    shelf = lock_stock_level(stock_level_id)
    lines = ReservationLine.objects.filter(
        stock_level_id=stock_level_id, reservation__state=Reservation.State.HELD
    )
    held: int = lines.aggregate(total=Sum("quantity", default=0))["total"]
    if held > shelf.on_hand:
        return False
    if held != shelf.reserved:
        record_audit(
            actor=actor,
            action="inventory.reserved_corrected",
            subject_type="inventory.stock_level",
            subject_id=str(shelf.pk),
            data={"before": shelf.reserved, "after": held},
        )
        shelf.reserved = held
        shelf.save(update_fields=["reserved"])
    return True


@command
def release_stray_hold(*, actor: Actor, owner: Owner) -> bool:
    """Give back what is held for an owner that does not exist; False if nothing is held.

    Idempotent by nature. Locks the held stock rows, then the reservation.
    """
    if not release_reservation(owner=owner):
        return False
    record_audit(
        actor=actor,
        action="inventory.stray_hold_released",
        subject_type=owner.owner_type,
        subject_id=owner.owner_id,
    )
    return True


def _add_to_shelf(product: Product, warehouse: Warehouse, quantity: int) -> StockLevelView:
    with connection.cursor() as cursor:
        cursor.execute(
            _ADD_TO_SHELF,
            {
                "organization": product.organization_id,
                "product": product.pk,
                "warehouse": warehouse.pk,
                "quantity": quantity,
                "limit": MAX_QUANTITY,
            },
        )
        row = cursor.fetchone()
    if row is None:
        raise _out_of_range()
    stock_level_id, on_hand, reserved = row
    return StockLevelView(
        stock_level_id=stock_level_id,
        product_id=product.pk,
        sku=product.sku,
        warehouse_id=warehouse.pk,
        warehouse_code=warehouse.code,
        on_hand=on_hand,
        reserved=reserved,
        available=on_hand - reserved,
    )


def _record_receipt(actor: Actor, shelf: StockLevelView, quantity: int, note: str) -> None:
    StockMovement.objects.create(
        organization_id=actor.organization_id,
        stock_level_id=shelf.stock_level_id,
        product_id=shelf.product_id,
        warehouse_id=shelf.warehouse_id,
        kind=StockMovement.Kind.RECEIPT,
        quantity=quantity,
        actor_label=actor.reference,
        note=note,
    )
    record_audit(
        actor=actor,
        action="inventory.stock_received",
        subject_type="inventory.stock_level",
        subject_id=str(shelf.stock_level_id),
        data={"sku": shelf.sku, "warehouse": shelf.warehouse_code, "quantity": quantity},
    )


def _price(price: Money) -> int:
    if not 0 < price.minor <= MAX_MINOR:
        raise PriceOutOfRangeError(_("a price is more than zero"))
    return price.minor


def _out_of_range() -> QuantityOutOfRangeError:
    return QuantityOutOfRangeError(
        _("a quantity is 1 to %(limit)s, and no shelf holds more") % {"limit": f"{MAX_QUANTITY:,}"},
        limit=MAX_QUANTITY,
    )
