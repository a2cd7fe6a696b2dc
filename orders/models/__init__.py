"""The rows of orders."""

from orders.models.order import Order, OrderEvent, OrderLine
from orders.models.payment import Payment
from orders.models.process import OrderAbort, OrderHandover, ParkedStep
from orders.models.shipment import Shipment, ShipmentLine
from orders.sandbox.models import SandboxCharge, SandboxFault, SandboxLabel

__all__ = [
    "Order",
    "OrderAbort",
    "OrderEvent",
    "OrderHandover",
    "OrderLine",
    "ParkedStep",
    "Payment",
    "SandboxCharge",
    "SandboxFault",
    "SandboxLabel",
    "Shipment",
    "ShipmentLine",
]
