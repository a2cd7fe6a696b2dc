"""What the API answers, as a client reads it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

TERMINAL = frozenset({"completed", "out_of_stock", "rejected", "cancelled", "payment_failed", "refunded"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ShipmentView:
    """One parcel; `lines` are pieces by SKU."""

    warehouse: str
    state: str
    tracking_number: str
    lines: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderView:
    """One order as `GET /orders/{id}` shows it. `total` is as people write it, `payments` are states."""

    id: str
    number: str
    status: str
    reason: str
    total: str
    version: int
    payments: tuple[str, ...]
    shipments: tuple[ShipmentView, ...]

    @property
    def is_terminal(self) -> bool:
        """Whether nothing will happen to the order any more."""
        return self.status in TERMINAL

    @property
    def is_stuck(self) -> bool:
        """Whether only a person can bring the order further than it is."""
        return self.is_terminal or self.status == "needs_attention"

    @property
    def shipped(self) -> dict[tuple[str, str], int]:
        """Pieces that left, by SKU and warehouse."""
        return {
            (sku, shipment.warehouse): quantity
            for shipment in self.shipments
            if shipment.state == "handed_over"
            for sku, quantity in shipment.lines.items()
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of the timeline."""

    kind: str
    from_status: str
    to_status: str
    by: str
    data: Mapping[str, Any]


def read_order(body: Mapping[str, Any]) -> OrderView:
    """Return the order of an answer; a short one has no payments and shipments."""
    return OrderView(
        id=body["id"],
        number=body["number"],
        status=body["status"],
        reason=body.get("status_reason") or "",
        total=read_money(body["total"]),
        version=int(body.get("version", 0)),
        payments=tuple(payment["state"] for payment in body.get("payments", ())),
        shipments=tuple(_shipment(shipment) for shipment in body.get("shipments", ())),
    )


def _shipment(body: Mapping[str, Any]) -> ShipmentView:
    return ShipmentView(
        warehouse=body["warehouse"],
        state=body["state"],
        tracking_number=body["tracking_number"],
        lines={line["sku"]: int(line["quantity"]) for line in body["lines"]},
    )


def read_entry(body: Mapping[str, Any]) -> Entry:
    """Return one entry of a timeline."""
    return Entry(
        kind=body["kind"],
        from_status=body["from_status"],
        to_status=body["to_status"],
        by=body["by"],
        data=body["data"],
    )


def read_money(body: Mapping[str, str]) -> str:
    """Return an amount as people write it, such as `¥20,000.00`."""
    symbol = {"CNY": "¥"}.get(body["currency"], body["currency"] + " ")
    whole, _dot, decimals = body["amount"].partition(".")
    return f"{symbol}{int(whole):,}.{decimals}" if decimals else f"{symbol}{int(whole):,}"
