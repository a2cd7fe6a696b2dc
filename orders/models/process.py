"""The two rows that decide how an order ends, and the steps that wait for a person.

An order has at most one abort or one handover, never both: each is written under the order's lock, and a
trigger refuses the second.
"""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from holo.common.records import Record
from holo.identity.models import Organization
from orders.models.order import Order
from orders.states import ENDS_OF_ABORT, AbortReason, Status


class OrderAbort(Record):
    """That the order will not be fulfilled: why, by whom, and how it ends once all is undone. Append-only."""

    order = models.OneToOneField(
        Order,
        on_delete=models.PROTECT,
        primary_key=True,
        related_name="abort",
        db_constraint=False,
        verbose_name=_("order"),
    )
    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="+", db_constraint=False
    )
    ends_as = models.CharField(_("ends as"), max_length=20, choices=Status.choices)
    reason = models.CharField(_("reason"), max_length=20, choices=AbortReason.choices)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    actor_label = models.CharField(_("by"), max_length=254)
    created_at = models.DateTimeField(_("time"), auto_now_add=True)

    class Meta:
        verbose_name = _("abort")
        verbose_name_plural = _("aborts")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(ends_as__in=sorted(status.value for status in ENDS_OF_ABORT)),
                name="orders_abort_ends_as",
            ),
            models.CheckConstraint(
                condition=~models.Q(actor_label__contains="@"), name="orders_abort_names_no_address"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.order_id} {self.reason}"


class OrderHandover(Record):
    """The point of no return: every parcel is ready and goes to its carrier. Append-only."""

    order = models.OneToOneField(
        Order,
        on_delete=models.PROTECT,
        primary_key=True,
        related_name="handover",
        db_constraint=False,
        verbose_name=_("order"),
    )
    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="+", db_constraint=False
    )
    created_at = models.DateTimeField(_("time"), auto_now_add=True)

    class Meta:
        verbose_name = _("handover")
        verbose_name_plural = _("handovers")

    def __str__(self) -> str:
        return str(self.order_id)


class ParkedStep(Record):
    """A step that failed for good and waits for an operator."""

    mutable = frozenset({"attempts", "error_code", "message", "retry_requested_at", "resolved_at"})

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="+", db_constraint=False
    )
    order = models.ForeignKey(
        Order,
        on_delete=models.PROTECT,
        related_name="parked_steps",
        db_constraint=False,
        verbose_name=_("order"),
    )
    step = models.CharField(_("step"), max_length=100)
    attempts = models.PositiveIntegerField(_("attempts"))
    error_code = models.CharField(_("error"), max_length=100)
    message = models.TextField(_("message"))
    parked_at = models.DateTimeField(_("parked"), auto_now_add=True)
    retry_requested_at = models.DateTimeField(_("retry requested"), null=True)
    resolved_at = models.DateTimeField(_("resolved"), null=True)

    class Meta:
        verbose_name = _("parked step")
        verbose_name_plural = _("parked steps")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["order", "step"],
                name="orders_parked_step_once",
                condition=models.Q(resolved_at__isnull=True),
            )
        ]

    def __str__(self) -> str:
        return f"{self.order_id} {self.step}"
