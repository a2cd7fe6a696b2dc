"""The keys that make a command happen once."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from holo.common.records import Record


class IdempotencyLog(Record):
    """One key with the result of its effect, inserted first, in the transaction of the effect.

    `scope` is `step` for steps of a process (kept as long as their subject), or for clients' keys
    `http:<principal>:<method>:<route>` (kept until `expires_at`). There is no lease and no state
    "in progress": a row that can be seen is finished, because it commits with its effect.
    """

    mutable = frozenset({"result", "status", "headers", "body"})
    deletable = True

    id = models.BigAutoField(primary_key=True)
    scope = models.CharField(_("scope"), max_length=200)
    key = models.CharField(_("key"), max_length=255)
    fingerprint = models.TextField(_("fingerprint"), blank=True)
    result = models.JSONField(_("result"), null=True)
    status = models.PositiveSmallIntegerField(_("HTTP status"), null=True)
    headers = models.JSONField(_("HTTP headers"), default=dict)
    body = models.BinaryField(_("HTTP body"), null=True)
    created_at = models.DateTimeField(_("time"), auto_now_add=True)
    expires_at = models.DateTimeField(_("expires"), null=True)

    class Meta:
        verbose_name = _("idempotency key")
        verbose_name_plural = _("idempotency keys")
        constraints = [models.UniqueConstraint(fields=["scope", "key"], name="idempotency_log_once")]
        indexes = [
            models.Index(
                fields=["expires_at"],
                name="idempotency_log_expiry",
                condition=models.Q(expires_at__isnull=False),
            ),
            models.Index(
                fields=["scope"],
                name="idempotency_log_refused",
                opclasses=["varchar_pattern_ops"],
                condition=models.Q(status__gte=400),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.scope} {self.key}"
