"""Orders in the admin: found, looked at in full, cancelled, retried; their history to read."""

from orders.admin.history import OrderEventAdmin, ParkedStepAdmin, PaymentAdmin, ShipmentAdmin
from orders.admin.order import OrderAdmin

__all__ = ["OrderAdmin", "OrderEventAdmin", "ParkedStepAdmin", "PaymentAdmin", "ShipmentAdmin"]
