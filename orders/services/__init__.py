"""The commands of the app: each is one durable transaction."""

from orders.services.approval import settle_approval
from orders.services.cancelling import cancel_order
from orders.services.ending import close_order
from orders.services.payment import (
    begin_payment,
    begin_refund,
    record_payment,
    record_refund,
    recover_payment,
    request_payment,
    settle_payment,
    withdraw_payment,
)
from orders.services.placing import place_order
from orders.services.recovery import park_order, request_retry, settle_retry
from orders.services.repair import close_late_payment, settle_stray_hold
from orders.services.shipment import (
    begin_label,
    begin_shipment_handover,
    begin_void,
    fail_shipment,
    record_label,
    record_shipment_handover,
    record_void,
)
from orders.services.stock import release_order_stock, reserve_order_stock

__all__ = [
    "begin_label",
    "begin_payment",
    "begin_refund",
    "begin_shipment_handover",
    "begin_void",
    "cancel_order",
    "close_late_payment",
    "close_order",
    "fail_shipment",
    "park_order",
    "place_order",
    "record_label",
    "record_payment",
    "record_refund",
    "record_shipment_handover",
    "record_void",
    "recover_payment",
    "release_order_stock",
    "request_payment",
    "request_retry",
    "reserve_order_stock",
    "settle_approval",
    "settle_payment",
    "settle_retry",
    "settle_stray_hold",
    "withdraw_payment",
]
