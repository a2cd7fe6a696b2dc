"""The rows of the example: orders, and the books of the companies that it plays.

They belong to the installation's demonstration, not to a customer, so they have no organisation: no API, no
page of the admin and no other package reads them. A domain with tenants gives each table its organisation.
"""

from django.db import models
from django.utils.translation import gettext_lazy as _

from holo.common.records import Record
from workflows.pizza.contracts import Status


class Order(Record):
    """A pizza order, as it was placed, and what became of it."""

    mutable = frozenset({"status", "detail", "total_minor", "currency"})

    order_id = models.CharField(_("order"), primary_key=True, max_length=40)
    document = models.JSONField(_("document"))
    status = models.CharField(_("status"), max_length=20, default=Status.RECEIVED.value)
    detail = models.CharField(_("detail"), max_length=200, blank=True)
    total_minor = models.BigIntegerField(_("total, in minor units"), null=True)
    currency = models.CharField(_("currency"), max_length=3, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("pizza order")
        verbose_name_plural = _("pizza orders")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(status__in=[status.value for status in Status]),
                name="pizza_order_known_status",
            ),
            models.CheckConstraint(
                condition=models.Q(total_minor__isnull=True, currency="")
                | (models.Q(total_minor__gt=0) & ~models.Q(currency="")),
                name="pizza_order_whole_bill",
            ),
        ]

    def __str__(self) -> str:
        return self.order_id


class Charge(Record):
    """What the payment company knows of one key."""

    mutable = frozenset({"state"})

    class State(models.TextChoices):
        """How the charge stands."""

        CAPTURED = "captured", _("captured")
        DECLINED = "declined", _("declined")
        REFUNDED = "refunded", _("refunded")
        VOID = "void", _("void")

    key = models.CharField(_("key"), primary_key=True, max_length=64)
    amount_minor = models.BigIntegerField(_("amount, in minor units"))
    currency = models.CharField(_("currency"), max_length=3, blank=True)
    state = models.CharField(_("state"), max_length=10, choices=State.choices)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("pizza charge")
        verbose_name_plural = _("pizza charges")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state="void", amount_minor=0) | models.Q(amount_minor__gt=0),
                name="pizza_charge_amount",
            ),
        ]

    def __str__(self) -> str:
        return self.key


class Delivery(Record):
    """A delivery that the courier has taken on."""

    key = models.CharField(_("key"), primary_key=True, max_length=64)
    address = models.CharField(_("address"), max_length=250)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("pizza delivery")
        verbose_name_plural = _("pizza deliveries")

    def __str__(self) -> str:
        return self.key


class Message(Record):
    """A message that the customer was sent."""

    key = models.CharField(_("key"), primary_key=True, max_length=64)
    text = models.CharField(_("text"), max_length=200)
    created_at = models.DateTimeField(_("sent"), auto_now_add=True)

    class Meta:
        verbose_name = _("pizza message")
        verbose_name_plural = _("pizza messages")

    def __str__(self) -> str:
        return self.key
