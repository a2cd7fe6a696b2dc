"""What is sold and where it lies: products and warehouses."""

from uuid import UUID

from django.db import models
from django.utils.translation import gettext_lazy as _

from holo.common.ids import uuid7
from holo.common.money import Money
from holo.common.records import Record
from holo.identity.models import Organization

# The most that one shelf, movement or line may count: two of them still fit into 32 bits.
MAX_QUANTITY = 1_000_000_000


class Product(Record):
    """A thing to sell, known by its SKU within the organisation."""

    mutable = frozenset({"name", "price_minor", "active"})

    id: "models.UUIDField[UUID, UUID]" = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(
        Organization,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        verbose_name=_("organisation"),
    )
    sku = models.CharField(_("SKU"), max_length=64)
    name = models.CharField(_("name"), max_length=200)
    price_minor = models.BigIntegerField(_("price in minor units"))
    currency = models.CharField(_("currency"), max_length=3, default="CNY")
    active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("product")
        verbose_name_plural = _("products")
        ordering = ["sku"]
        constraints = [
            models.UniqueConstraint(fields=["organization", "sku"], name="inventory_product_sku_once"),
            # What a foreign key of a stock level refers to, so that both are of one organisation.
            models.UniqueConstraint(fields=["id", "organization"], name="inventory_product_tenant"),
            models.CheckConstraint(condition=models.Q(price_minor__gt=0), name="inventory_product_price"),
            models.CheckConstraint(condition=models.Q(currency="CNY"), name="inventory_product_currency"),
            models.CheckConstraint(condition=~models.Q(sku=""), name="inventory_product_sku_given"),
        ]

    def __str__(self) -> str:
        return self.sku

    @property
    def price(self) -> Money:
        """What one piece costs."""
        return Money(minor=self.price_minor, currency=self.currency)


class Warehouse(Record):
    """A place that ships; the lowest priority number is asked first."""

    mutable = frozenset({"name", "priority", "active"})

    id: "models.UUIDField[UUID, UUID]" = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(
        Organization,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        verbose_name=_("organisation"),
    )
    code = models.CharField(_("code"), max_length=32)
    name = models.CharField(_("name"), max_length=200)
    priority = models.SmallIntegerField(_("priority"), default=100, help_text=_("The lowest ships first."))
    active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("warehouse")
        verbose_name_plural = _("warehouses")
        ordering = ["priority", "code"]
        constraints = [
            models.UniqueConstraint(fields=["organization", "code"], name="inventory_warehouse_code_once"),
            # See `inventory_product_tenant`.
            models.UniqueConstraint(fields=["id", "organization"], name="inventory_warehouse_tenant"),
            models.CheckConstraint(condition=~models.Q(code=""), name="inventory_warehouse_code_given"),
        ]

    def __str__(self) -> str:
        return self.code
