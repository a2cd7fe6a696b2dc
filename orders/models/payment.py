"""Attempts to pay an order."""

from uuid import UUID

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from holo.common.ids import uuid7
from holo.common.money import Money
from holo.common.records import Record
from holo.identity.models import Organization
from orders.models.order import Order


class Payment(Record):
    """One attempt. Its id is the key under which the gateway knows it.

    `submitted_at` is written ahead of the call to the gateway: where it is set and the outcome is not known,
    the gateway is asked before anything else is done.
    """

    mutable = frozenset(
        {"state", "gateway_reference", "decline_code", "submitted_at", "captured_at", "refunded_at"}
    )
    shut = frozenset({"token"})

    class State(models.TextChoices):
        """Requested and captured count as open or succeeded; there is at most one such attempt an order."""

        REQUESTED = "requested", _("requested")
        CAPTURED = "captured", _("captured")
        DECLINED = "declined", _("declined")
        WITHDRAWN = "withdrawn", _("withdrawn")
        REFUNDED = "refunded", _("refunded")

    id: "models.UUIDField[UUID, UUID]" = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="+", db_constraint=False
    )
    order = models.ForeignKey(
        Order,
        on_delete=models.PROTECT,
        related_name="payments",
        db_constraint=False,
        verbose_name=_("order"),
    )
    attempt = models.PositiveSmallIntegerField(_("attempt"))
    token = models.CharField(_("token"), max_length=64)
    amount_minor = models.BigIntegerField(_("amount in minor units"))
    currency = models.CharField(_("currency"), max_length=3)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.REQUESTED)
    gateway_reference = models.CharField(_("gateway reference"), max_length=100, blank=True)
    decline_code = models.CharField(_("decline code"), max_length=50, blank=True)
    created_at = models.DateTimeField(pgettext_lazy("time", "requested"), auto_now_add=True)
    submitted_at = models.DateTimeField(_("submitted"), null=True)
    captured_at = models.DateTimeField(_("captured at"), null=True)
    refunded_at = models.DateTimeField(_("refunded at"), null=True)

    class Meta:
        verbose_name = _("payment")
        verbose_name_plural = _("payments")
        ordering = ["order", "attempt"]
        constraints = [
            models.UniqueConstraint(fields=["order", "attempt"], name="orders_payment_attempt_once"),
            models.UniqueConstraint(
                fields=["order"],
                name="orders_payment_one_open",
                condition=models.Q(state__in=["requested", "captured"]),
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["requested", "captured", "declined", "withdrawn", "refunded"]),
                name="orders_payment_state",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.order} #{self.attempt}"

    @property
    def amount(self) -> Money:
        """What is charged."""
        return Money(minor=self.amount_minor, currency=self.currency)
