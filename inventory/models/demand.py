"""Demand that was refused for want of stock."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from holo.common.records import Record
from holo.identity.models import Organization
from inventory.models.catalogue import Product


class RefusedDemand(Record):
    """How many orders of a product were refused on a day (UTC) for want of stock, and of how many pieces."""

    mutable = frozenset({"refusals", "pieces"})

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="+", db_constraint=False
    )
    # A composite foreign key with the organisation stands for this one (migration 0006).
    product = models.ForeignKey(
        Product, on_delete=models.PROTECT, related_name="+", db_constraint=False, verbose_name=_("product")
    )
    day = models.DateField(_("day"))
    refusals = models.PositiveIntegerField(_("refused orders"), default=0)
    pieces = models.PositiveBigIntegerField(_("pieces wanted"), default=0)

    class Meta:
        verbose_name = _("refused demand")
        verbose_name_plural = _("refused demand")
        ordering = ["-day", "product"]
        constraints = [
            models.UniqueConstraint(fields=["product", "day"], name="inventory_refuseddemand_once"),
        ]
        indexes = [models.Index(fields=["organization", "-day"], name="inventory_refuseddemand_newest")]

    def __str__(self) -> str:
        return f"{self.product} {self.day}"
