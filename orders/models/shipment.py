"""Parcels of an order, one per warehouse."""

from uuid import UUID

from django.db import models
from django.utils.translation import gettext_lazy as _

from holo.common.ids import uuid7
from holo.common.records import Record
from holo.identity.models import Organization
from inventory.models import Product, Warehouse
from orders.models.order import Order


class Shipment(Record):
    """What one warehouse sends. Its id is the key under which the carrier knows it."""

    mutable = frozenset(
        {
            "state",
            "label_reference",
            "tracking_number",
            "submitted_at",
            "ready_at",
            "handed_over_at",
            "voided_at",
        }
    )

    class State(models.TextChoices):
        """From the wish for a label to the handover, or to the label's end."""

        PREPARING = "preparing", _("preparing")
        READY = "ready", _("ready")
        HANDED_OVER = "handed_over", _("handed over")
        REFUSED = "refused", _("refused")
        VOIDED = "voided", _("voided")

    id: "models.UUIDField[UUID, UUID]" = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="+", db_constraint=False
    )
    order = models.ForeignKey(
        Order,
        on_delete=models.PROTECT,
        related_name="shipments",
        db_constraint=False,
        verbose_name=_("order"),
    )
    warehouse = models.ForeignKey(
        Warehouse,
        on_delete=models.PROTECT,
        related_name="+",
        db_constraint=False,
        verbose_name=_("warehouse"),
    )
    state = models.CharField(_("state"), max_length=12, choices=State.choices, default=State.PREPARING)
    label_reference = models.CharField(_("label"), max_length=100, blank=True)
    tracking_number = models.CharField(_("tracking number"), max_length=100, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    submitted_at = models.DateTimeField(_("label requested"), null=True)
    ready_at = models.DateTimeField(_("ready at"), null=True)
    handed_over_at = models.DateTimeField(_("handed over at"), null=True)
    voided_at = models.DateTimeField(_("voided at"), null=True)

    class Meta:
        verbose_name = _("shipment")
        verbose_name_plural = _("shipments")
        ordering = ["order", "id"]
        constraints = [
            models.UniqueConstraint(fields=["order", "warehouse"], name="orders_shipment_warehouse_once"),
            # See `orders_order_tenant`.
            models.UniqueConstraint(fields=["id", "organization"], name="orders_shipment_tenant"),
            models.CheckConstraint(
                condition=models.Q(state__in=["preparing", "ready", "handed_over", "refused", "voided"]),
                name="orders_shipment_state",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.order} · {self.warehouse}"


class ShipmentLine(Record):
    """How much of a product is in a shipment."""

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="+", db_constraint=False
    )
    shipment = models.ForeignKey(
        Shipment,
        on_delete=models.PROTECT,
        related_name="lines",
        db_constraint=False,
        verbose_name=_("shipment"),
    )
    product = models.ForeignKey(
        Product, on_delete=models.PROTECT, related_name="+", db_constraint=False, verbose_name=_("product")
    )
    quantity = models.PositiveIntegerField(_("quantity"))

    class Meta:
        verbose_name = _("shipment line")
        verbose_name_plural = _("shipment lines")
        constraints = [
            models.UniqueConstraint(fields=["shipment", "product"], name="orders_shipment_line_once")
        ]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.product_id}"
