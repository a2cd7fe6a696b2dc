"""The audit trail: one row for each change that somebody answers for."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from holo.common.records import Record


class AuditEvent(Record):
    """Who did what to which row; written in the transaction of the change.

    Actor and organisation are ids without a foreign key, so that this table points nowhere upwards and
    outlives what it tells about.
    """

    id = models.BigAutoField(primary_key=True)
    organization_id = models.UUIDField(_("organisation"))
    actor_id = models.UUIDField(_("actor id"), null=True)
    actor_label = models.CharField(_("actor"), max_length=254)
    api_key_id = models.UUIDField(_("API key"), null=True)
    action = models.CharField(_("action"), max_length=100)
    subject_type = models.CharField(_("subject type"), max_length=100)
    subject_id = models.CharField(_("subject"), max_length=64)
    data = models.JSONField(_("data"), default=dict)
    request_id = models.CharField(_("request id"), max_length=64, blank=True)
    created_at = models.DateTimeField(_("time"), auto_now_add=True)

    class Meta:
        verbose_name = _("audit event")
        verbose_name_plural = _("audit events")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(actor_label__contains="@"), name="audit_event_names_no_address"
            ),
        ]
        indexes = [
            models.Index(fields=["subject_type", "subject_id", "id"], name="audit_event_subject"),
            models.Index(fields=["organization_id", "id"], name="audit_event_organization"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.subject_type} {self.subject_id}"
