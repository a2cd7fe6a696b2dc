"""How many pieces lie where, and each change of that number."""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from holo.common.records import Record
from holo.identity.models import Organization
from inventory.models.catalogue import MAX_QUANTITY, Product, Warehouse
from inventory.models.reservation import ReservationLine


class StockLevel(Record):
    """One product in one warehouse: the row that a sale locks.

    `on_hand` is the sum of the movements, `reserved` that of the held lines; both are kept here so that a
    sale need not add them up.
    """

    mutable = frozenset({"on_hand", "reserved"})

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="+", verbose_name=_("organisation")
    )
    product = models.ForeignKey(
        Product,
        on_delete=models.PROTECT,
        related_name="stock_levels",
        db_index=False,
        verbose_name=_("product"),
    )
    warehouse = models.ForeignKey(
        Warehouse, on_delete=models.PROTECT, related_name="stock_levels", verbose_name=_("warehouse")
    )
    on_hand = models.IntegerField(_("on hand"), default=0)
    reserved = models.IntegerField(_("reserved"), default=0)

    class Meta:
        verbose_name = _("stock level")
        verbose_name_plural = _("stock levels")
        permissions = [("receive_stock", _("Can receive stock"))]
        constraints = [
            models.UniqueConstraint(fields=["product", "warehouse"], name="inventory_stocklevel_once"),
            # What a line's and a movement's one foreign key refers to (migration 0002).
            models.UniqueConstraint(
                fields=["id", "organization", "product", "warehouse"], name="inventory_stocklevel_identity"
            ),
            models.CheckConstraint(
                condition=models.Q(reserved__gte=0, reserved__lte=models.F("on_hand")),
                name="inventory_stocklevel_reserved_fits",
            ),
            models.CheckConstraint(
                condition=models.Q(on_hand__lte=MAX_QUANTITY), name="inventory_stocklevel_on_hand_range"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.product} · {self.warehouse}"

    @property
    def available(self) -> int:
        """What may still be promised."""
        return self.on_hand - self.reserved


class StockMovement(Record):
    """One change of what lies on a shelf, and its cause. Append-only.

    `owner_type` and `owner_id` name on whose behalf it was (such as an order); a receipt has none.
    """

    class Kind(models.TextChoices):
        """Why the number changed."""

        RECEIPT = "receipt", _("receipt")
        SHIPMENT = "shipment", _("shipment")
        ADJUSTMENT = "adjustment", _("adjustment")

    id = models.BigAutoField(primary_key=True)
    # One composite foreign key stands for these four, as for a reservation's lines.
    organization = models.ForeignKey(
        Organization,
        on_delete=models.PROTECT,
        related_name="+",
        db_constraint=False,
        db_index=False,
        verbose_name=_("organisation"),
    )
    stock_level = models.ForeignKey(
        StockLevel,
        on_delete=models.PROTECT,
        related_name="movements",
        db_constraint=False,
        db_index=False,
        verbose_name=_("stock level"),
    )
    product = models.ForeignKey(
        Product,
        on_delete=models.PROTECT,
        related_name="+",
        db_constraint=False,
        db_index=False,
        verbose_name=_("product"),
    )
    warehouse = models.ForeignKey(
        Warehouse,
        on_delete=models.PROTECT,
        related_name="+",
        db_constraint=False,
        db_index=False,
        verbose_name=_("warehouse"),
    )
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    quantity = models.IntegerField(_("quantity"))
    reservation_line = models.OneToOneField(
        ReservationLine,
        on_delete=models.PROTECT,
        null=True,
        related_name="shipment",
        verbose_name=_("reservation line"),
    )
    owner_type = models.CharField(_("owner type"), max_length=50, blank=True)
    owner_id = models.UUIDField(pgettext_lazy("stock", "owner"), null=True)
    actor_label = models.CharField(_("by"), max_length=254)
    note = models.CharField(_("note"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("time"), db_default=Now())

    class Meta:
        verbose_name = _("stock movement")
        verbose_name_plural = _("stock movements")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(
                    kind="receipt", quantity__gt=0, quantity__lte=MAX_QUANTITY, reservation_line__isnull=True
                )
                | models.Q(
                    kind="shipment",
                    quantity__lt=0,
                    reservation_line__isnull=False,
                    owner_id__isnull=False,
                )
                | (models.Q(kind="adjustment", reservation_line__isnull=True) & ~models.Q(quantity=0)),
                name="inventory_stockmovement_kind_fits",
            ),
            models.CheckConstraint(
                condition=~models.Q(actor_label__contains="@"), name="inventory_movement_names_no_address"
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "id"], name="inventory_movement_by_tenant"),
            models.Index(fields=["stock_level", "id"], name="inventory_movement_by_shelf"),
            models.Index(fields=["owner_id"], name="inventory_movement_by_owner"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.quantity:+d}"
