"""Holds on stock: a row with exactly one end, and its lines."""

from uuid import UUID

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from holo.common.ids import uuid7
from holo.common.records import Record
from holo.identity.models import Organization
from inventory.models.catalogue import MAX_QUANTITY, Product, Warehouse


class Reservation(Record):
    """That an owner holds stock until a moment, or how that ended; a trigger refuses a second end.

    The owner is named by type and id as data: this app does not know what an order is. `expires_at` is shown
    and swept by whoever owns the process; passing it ends nothing by itself.
    """

    mutable = frozenset({"expires_at", "state", "ended_at"})

    class State(models.TextChoices):
        """Held, and the ways to end."""

        HELD = "held", _("held")
        CONSUMED = "consumed", _("consumed")
        RELEASED = "released", _("released")
        EXPIRED = "expired", _("expired")

    id: "models.UUIDField[UUID, UUID]" = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(
        Organization,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        verbose_name=_("organisation"),
    )
    owner_type = models.CharField(_("owner type"), max_length=50)
    owner_id = models.UUIDField(pgettext_lazy("stock", "owner"))
    expires_at = models.DateTimeField(_("expires"))
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.HELD)
    created_at = models.DateTimeField(_("created"), db_default=Now())
    ended_at = models.DateTimeField(pgettext_lazy("time", "ended"), null=True)

    class Meta:
        verbose_name = _("reservation")
        verbose_name_plural = _("reservations")
        # The ids rise with time, and have an index.
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["owner_type", "owner_id"],
                condition=models.Q(state="held"),
                name="inventory_reservation_held_once",
            ),
            models.CheckConstraint(
                condition=models.Q(state="held", ended_at__isnull=True)
                | models.Q(state__in=["consumed", "released", "expired"], ended_at__isnull=False),
                name="inventory_reservation_ended_when_over",
            ),
        ]
        indexes = [models.Index(fields=["owner_id"], name="inventory_reservation_owner")]

    def __str__(self) -> str:
        return f"{self.owner_type} {self.owner_id}"


class ReservationLine(Record):
    """How many pieces of one shelf a reservation holds. Append-only; none joins an ended reservation."""

    id = models.BigAutoField(primary_key=True)
    # One composite foreign key on the stock level's identity stands for four of these (migration 0002): it
    # looks at a row that the writer has locked already, where four would lock rows that all writers share.
    # The trigger on new lines compares the organisation with the reservation's.
    organization = models.ForeignKey(
        Organization,
        on_delete=models.PROTECT,
        related_name="+",
        db_constraint=False,
        db_index=False,
        verbose_name=_("organisation"),
    )
    reservation = models.ForeignKey(
        Reservation,
        on_delete=models.PROTECT,
        related_name="lines",
        db_index=False,
        verbose_name=_("reservation"),
    )
    stock_level = models.ForeignKey(
        "inventory.StockLevel",
        on_delete=models.PROTECT,
        related_name="reservation_lines",
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
    quantity = models.IntegerField(_("quantity"))

    class Meta:
        verbose_name = _("reservation line")
        verbose_name_plural = _("reservation lines")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["reservation", "stock_level"], name="inventory_reservationline_once"
            ),
            models.CheckConstraint(
                condition=models.Q(quantity__gt=0, quantity__lte=MAX_QUANTITY),
                name="inventory_reservationline_quantity",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.product}"
