"""One row for each recipient of each message."""

from uuid import UUID

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from holo.common.ids import uuid7
from holo.common.records import Record


class Delivery(Record):
    """One message to one recipient: what it is about, when it is tried next, and how it ended.

    The text is not stored. It is written from the rows immediately before each attempt, so that this table
    holds no secret and nothing is sent about what has ended. `recipient_id` is a person without a foreign
    key; `address` is set only for a recipient who is no person here, or for another address of a person (such
    as the one before a change), and is removed once the mail is delivered. `claimed_until` belongs to the
    attempt in progress.
    """

    mutable = frozenset(
        {"address", "state", "attempts", "available_at", "claimed_until", "last_problem", "ended_at"}
    )
    deletable = True

    class State(models.TextChoices):
        """Waiting, and the four ways to end."""

        WAITING = "waiting", _("waiting")
        DELIVERED = "delivered", _("delivered")
        REFUSED = "refused", _("refused by the server")
        GIVEN_UP = "given_up", pgettext_lazy("delivery", "given up")
        WITHDRAWN = "withdrawn", _("no longer needed")

    id: "models.UUIDField[UUID, UUID]" = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization_id = models.UUIDField(_("organisation"))
    kind = models.CharField(_("kind"), max_length=100)
    # What the rows were made for; with the recipient it makes a repeated message harmless.
    source = models.CharField(_("source"), max_length=100)
    recipient_id = models.UUIDField(_("person"), null=True)
    address = models.CharField(_("address"), max_length=254, blank=True, default="")
    data = models.JSONField(_("data"), default=dict)
    request_id = models.CharField(_("request id"), max_length=64, blank=True, default="")
    state = models.CharField(_("state"), max_length=9, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    available_at = models.DateTimeField(_("next try"))
    claimed_until = models.DateTimeField(_("claimed until"), null=True)
    last_problem = models.CharField(_("last problem"), max_length=500, blank=True, default="")
    ended_at = models.DateTimeField(pgettext_lazy("time", "ended"), null=True)

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["source", "kind", "recipient_id"],
                name="deliveries_delivery_once",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=models.Q(state="waiting", ended_at__isnull=True)
                | models.Q(
                    state__in=["delivered", "refused", "given_up", "withdrawn"],
                    ended_at__isnull=False,
                    claimed_until__isnull=True,
                ),
                name="deliveries_delivery_ended_when_over",
            ),
        ]
        indexes = [
            models.Index(
                fields=["available_at"],
                name="deliveries_delivery_due",
                condition=models.Q(state="waiting"),
            ),
            models.Index(
                fields=["ended_at"],
                name="deliveries_delivery_ended",
                condition=models.Q(ended_at__isnull=False),
            ),
            models.Index(fields=["organization_id", "-id"], name="deliveries_delivery_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"
