"""The sandbox's own books, written in its own transactions; the product reads them only through the ports."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from holo.common.records import Record


class SandboxCharge(Record):
    """What the sandbox gateway knows of one key."""

    mutable = frozenset({"state", "captures", "refunds"})
    shut = frozenset({"token"})

    key = models.CharField(primary_key=True, max_length=64)
    token = models.CharField(max_length=64)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    state = models.CharField(max_length=10)
    captures = models.PositiveSmallIntegerField(default=0)
    refunds = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("sandbox charge")
        verbose_name_plural = _("sandbox charges")

    def __str__(self) -> str:
        return f"{self.key} {self.state}"


class SandboxLabel(Record):
    """What the sandbox carrier knows of one parcel."""

    mutable = frozenset({"state"})

    key = models.CharField(primary_key=True, max_length=64)
    reference = models.CharField(max_length=64)
    state = models.CharField(max_length=12)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("sandbox label")
        verbose_name_plural = _("sandbox labels")

    def __str__(self) -> str:
        return f"{self.key} {self.state}"


class SandboxFault(Record):
    """A failure that the sandbox shall show: `operation` on `key` (`*`: any), `remaining` times (-1: always).

    `lasting` makes it a refusal instead of an outage.
    """

    mutable = frozenset({"remaining"})
    deletable = True

    key = models.CharField(max_length=64)
    operation = models.CharField(max_length=30)
    remaining = models.IntegerField(default=1)
    lasting = models.BooleanField(default=False)

    class Meta:
        verbose_name = _("sandbox fault")
        verbose_name_plural = _("sandbox faults")
        constraints = [models.UniqueConstraint(fields=["key", "operation"], name="orders_sandbox_fault_once")]

    def __str__(self) -> str:
        return f"{self.operation} {self.key}"
