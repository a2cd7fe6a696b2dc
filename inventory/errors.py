"""Refusals of inventory."""

from holo.common.errors import DomainError


class InventoryError(DomainError):
    """Base of this app's errors."""


class UnknownSkuError(InventoryError):
    """No active product has this SKU."""

    code = "inventory.unknown_sku"
    status = 422
    meaning = "No active product of the organisation has this SKU."


class SkuTakenError(InventoryError):
    """The organisation has such a product already."""

    code = "inventory.sku_taken"
    status = 409
    meaning = "Another product of the organisation has this SKU."


class WarehouseCodeTakenError(InventoryError):
    """The organisation has such a warehouse already."""

    code = "inventory.warehouse_code_taken"
    status = 409
    meaning = "Another warehouse of the organisation has this code."


class QuantityOutOfRangeError(InventoryError):
    """A number of pieces that cannot be."""

    code = "inventory.quantity_out_of_range"
    status = 422
    meaning = "A quantity is a whole number from 1 to 1,000,000,000; nor may a shelf hold more than that."


class PriceOutOfRangeError(InventoryError):
    """A price that cannot be."""

    code = "inventory.price_out_of_range"
    status = 422
    meaning = "A price is more than zero."


class AlreadyReservedError(InventoryError):
    """The owner holds stock already."""

    code = "inventory.already_reserved"
    status = 409
    meaning = "The owner holds a reservation already; it must end before another is made."


class ReservationEndedError(InventoryError):
    """There is no hold (any more)."""

    code = "inventory.reservation_ended"
    status = 409
    stored = True
    meaning = "The reservation was released, has expired or never was; the answer carries its state."
