"""The tables of inventory: what is sold, where it lies, what is held, and each change of what lies there."""

from inventory.models.catalogue import MAX_QUANTITY, Product, Warehouse
from inventory.models.demand import RefusedDemand
from inventory.models.reservation import Reservation, ReservationLine
from inventory.models.stock import StockLevel, StockMovement

__all__ = [
    "MAX_QUANTITY",
    "Product",
    "RefusedDemand",
    "Reservation",
    "ReservationLine",
    "StockLevel",
    "StockMovement",
    "Warehouse",
]
