"""Messages that commit with their cause."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from holo.common.records import Record


class OutboxMessage(Record):
    """One message to Temporal, Celery, mail or a webhook. Those of one `key` are delivered in order.

    `delivered_at` and `dead_at` are its two ends; a dead letter holds back the later ones of its key until it
    is retried. `available_at` is when it may be tried next, `claimed_until` a relay's short claim.
    """

    mutable = frozenset(
        {"available_at", "claimed_until", "attempts", "last_error", "delivered_at", "dead_at"}
    )
    deletable = True

    id = models.BigAutoField(primary_key=True)
    topic = models.CharField(_("topic"), max_length=100)
    key = models.CharField(_("key"), max_length=100)
    payload = models.JSONField(_("payload"), default=dict)
    organization_id = models.UUIDField(_("organisation"))
    request_id = models.CharField(_("request id"), max_length=64, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    available_at = models.DateTimeField(_("next try"), auto_now_add=True)
    claimed_until = models.DateTimeField(_("claimed until"), null=True)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    last_error = models.TextField(_("last error"), blank=True)
    delivered_at = models.DateTimeField(pgettext_lazy("time", "delivered"), null=True)
    dead_at = models.DateTimeField(_("given up"), null=True)

    class Meta:
        verbose_name = _("outbox message")
        verbose_name_plural = _("outbox messages")
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["key", "id"],
                name="outbox_message_open",
                condition=models.Q(delivered_at__isnull=True),
            ),
            models.Index(
                fields=["id"],
                name="outbox_message_due",
                condition=models.Q(delivered_at__isnull=True, dead_at__isnull=True),
            ),
            models.Index(
                fields=["delivered_at"],
                name="outbox_message_delivered",
                condition=models.Q(delivered_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.topic} {self.key}"
