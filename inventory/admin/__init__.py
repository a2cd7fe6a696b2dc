"""Inventory in the admin: lists to look at, and pages whose forms give one command each."""

from inventory.admin.catalogue import ProductAdmin, WarehouseAdmin
from inventory.admin.history import RefusedDemandAdmin, ReservationAdmin, StockMovementAdmin
from inventory.admin.stock import StockLevelAdmin

__all__ = [
    "ProductAdmin",
    "RefusedDemandAdmin",
    "ReservationAdmin",
    "StockLevelAdmin",
    "StockMovementAdmin",
    "WarehouseAdmin",
]
