"""An order, its lines and its timeline."""

from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from holo.common.ids import uuid7
from holo.common.money import Money
from holo.common.records import Record
from holo.identity.models import Organization
from inventory.models import Product
from orders.states import TERMINAL, UNPAID, Status


class Order(Record):
    """What a customer bought, and where it stands. `ship_to` never leaves the database for Temporal."""

    mutable = frozenset({"status", "version", "buyer", "payment_deadline", "updated_at"})

    id: "models.UUIDField[UUID, UUID]" = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="orders", verbose_name=_("organisation")
    )
    number = models.CharField(_("number"), max_length=20)
    status = models.CharField(_("status"), max_length=20, choices=Status.choices, default=Status.PLACED)
    currency = models.CharField(_("currency"), max_length=3)
    total_minor = models.BigIntegerField(_("total in minor units"))
    version = models.PositiveIntegerField(_("version"), default=1)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("created by")
    )
    api_key_id = models.UUIDField(_("API key"), null=True)
    client_ref = models.CharField(_("client reference"), max_length=100, null=True)
    # Whose unpaid orders hold no more than so much stock: what the shop calls its customer, else the public
    # token that placed the order, else nobody in particular.
    buyer = models.CharField(_("buyer"), max_length=64, blank=True, default="")
    # Of a public token: marks of where it ordered from (`orders.origins`).
    origin_address = models.CharField(max_length=24, blank=True, default="", db_default="", editable=False)
    origin_network = models.CharField(max_length=24, blank=True, default="", db_default="", editable=False)
    ship_to = models.JSONField(_("ship to"), null=True)
    sandbox = models.JSONField(_("sandbox"), default=dict)
    payment_deadline = models.DateTimeField(_("payment deadline"), null=True)
    created_at = models.DateTimeField(pgettext_lazy("time", "placed"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    # What `orders.locks` found when it had the lock: the two rows that decide how the order ends, and the
    # database's clock at that moment. None where the order was not locked.
    aborted: bool | None = None
    handed_over: bool | None = None
    locked_at: datetime

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        ordering = ["-id"]
        permissions = [
            ("cancel_order", _("Can cancel an order and roll it back")),
            ("retry_order", _("Can retry the parked steps of an order")),
            ("decide_order", _("Can approve or reject an order")),
        ]
        constraints = [
            models.UniqueConstraint(fields=["organization", "number"], name="orders_order_number_once"),
            models.UniqueConstraint(
                fields=["organization", "client_ref"],
                name="orders_order_client_ref_once",
                condition=models.Q(client_ref__isnull=False),
            ),
            # What the foreign keys of an order's parts refer to, so that all are of one organisation.
            models.UniqueConstraint(fields=["id", "organization"], name="orders_order_tenant"),
            models.CheckConstraint(condition=models.Q(total_minor__gt=0), name="orders_order_total_positive"),
            models.CheckConstraint(condition=models.Q(status__in=Status.values), name="orders_order_status"),
        ]
        indexes = [
            models.Index(fields=["organization", "-id"], name="orders_order_newest"),
            models.Index(fields=["organization", "status", "-id"], name="orders_order_status_newest"),
            models.Index(
                fields=["organization", "buyer", "-id"],
                name="orders_order_of_buyer",
                condition=~models.Q(buyer=""),
            ),
            models.Index(
                fields=["organization", "buyer"],
                name="orders_order_unpaid_of_buyer",
                condition=models.Q(status__in=sorted(UNPAID)) & ~models.Q(buyer=""),
            ),
            models.Index(
                fields=["organization", "origin_network"],
                name="orders_order_unpaid_of_network",
                condition=~models.Q(origin_network=""),
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def total(self) -> Money:
        """The sum of the lines."""
        return Money(minor=self.total_minor, currency=self.currency)

    @property
    def is_terminal(self) -> bool:
        """Whether nothing will happen to the order any more."""
        return Status(self.status) in TERMINAL


class OrderLine(Record):
    """One product of an order, with name and price as they were at placement."""

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="+", db_constraint=False
    )
    # A composite foreign key with the organisation stands for this one (migration 0007).
    order = models.ForeignKey(
        Order,
        on_delete=models.PROTECT,
        related_name="lines",
        db_constraint=False,
        verbose_name=_("order"),
    )
    product = models.ForeignKey(
        Product, on_delete=models.PROTECT, related_name="+", db_constraint=False, verbose_name=_("product")
    )
    position = models.PositiveSmallIntegerField(_("position"))
    sku = models.CharField(_("SKU"), max_length=64)
    name = models.CharField(_("name"), max_length=200)
    quantity = models.PositiveIntegerField(_("quantity"))
    unit_price_minor = models.BigIntegerField(_("unit price in minor units"))

    class Meta:
        verbose_name = _("order line")
        verbose_name_plural = _("order lines")
        ordering = ["order", "position"]
        constraints = [
            models.UniqueConstraint(fields=["order", "product"], name="orders_line_product_once"),
            models.CheckConstraint(condition=models.Q(quantity__gt=0), name="orders_line_quantity_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.sku}"

    @property
    def unit_price(self) -> Money:
        """The price of one, as it was at placement."""
        return Money(minor=self.unit_price_minor, currency=self.order.currency)

    @property
    def total(self) -> Money:
        """Quantity times unit price."""
        return Money(minor=self.quantity * self.unit_price_minor, currency=self.order.currency)


class OrderEvent(Record):
    """One entry of the timeline; append-only. `version` is the order's version after it, without gaps."""

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="+", db_constraint=False
    )
    order = models.ForeignKey(
        Order,
        on_delete=models.PROTECT,
        related_name="events",
        db_constraint=False,
        verbose_name=_("order"),
    )
    version = models.PositiveIntegerField(_("version"))
    kind = models.CharField(_("kind"), max_length=50)
    from_status = models.CharField(_("from"), max_length=20, blank=True)
    to_status = models.CharField(_("to"), max_length=20, blank=True)
    actor_label = models.CharField(_("by"), max_length=254)
    data = models.JSONField(_("data"), default=dict)
    request_id = models.CharField(_("request id"), max_length=64, blank=True)
    created_at = models.DateTimeField(_("time"), auto_now_add=True)

    class Meta:
        verbose_name = _("order event")
        verbose_name_plural = _("order events")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["order", "version"], name="orders_event_version_once"),
            models.CheckConstraint(
                condition=~models.Q(actor_label__contains="@"), name="orders_event_names_no_address"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} v{self.version}"
