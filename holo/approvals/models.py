"""Requests for a human decision, and the decisions. Nothing here knows what is decided about."""

from uuid import UUID

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from holo.common.ids import uuid7
from holo.common.records import Record
from holo.identity.models import Organization


class ApprovalRequest(Record):
    """That something needs a decision: what, why, until when, and who must not decide it.

    The subject is named by type, id, version and a digest of what the decider sees, so that a decision can
    be bound to exactly that content. `contributors` are the persons who made it.
    """

    mutable = frozenset({"state", "closed_at", "applied_at"})

    class State(models.TextChoices):
        """Open, and the ways to end; a request ends once."""

        OPEN = "open", _("open")
        APPROVED = "approved", _("approved")
        REJECTED = "rejected", _("rejected")
        EXPIRED = "expired", _("expired")
        WITHDRAWN = "withdrawn", _("withdrawn")

    id: "models.UUIDField[UUID, UUID]" = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="+", verbose_name=_("organisation")
    )
    subject_type = models.CharField(_("subject type"), max_length=100)
    subject_id = models.UUIDField(_("subject"))
    subject_label = models.CharField(_("subject label"), max_length=200)
    subject_version = models.PositiveIntegerField(_("subject version"))
    subject_digest = models.CharField(_("subject digest"), max_length=64)
    reasons = models.JSONField(_("reasons"))
    contributors = ArrayField(models.UUIDField(), verbose_name=_("contributors"))
    deadline = models.DateTimeField(_("deadline"))
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.OPEN)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    closed_at = models.DateTimeField(pgettext_lazy("time", "closed"), null=True)
    applied_at = models.DateTimeField(pgettext_lazy("time", "applied"), null=True)

    class Meta:
        verbose_name = _("approval request")
        verbose_name_plural = _("approval requests")
        ordering = ["deadline"]
        constraints = [
            models.UniqueConstraint(
                fields=["subject_type", "subject_id", "subject_version"], name="approvals_request_once"
            ),
            models.CheckConstraint(
                condition=models.Q(state="open", closed_at__isnull=True)
                | (~models.Q(state="open") & models.Q(closed_at__isnull=False)),
                name="approvals_request_closed_when_ended",
            ),
        ]
        indexes = [
            models.Index(
                fields=["organization", "deadline"],
                name="approvals_request_inbox",
                condition=models.Q(state="open"),
            )
        ]

    def __str__(self) -> str:
        return self.subject_label

    @property
    def shown_reasons(self) -> list[dict[str, str]]:
        """The reasons with their rules in the reader's language; stored they are in English."""
        return [{**reason, "rule": gettext(reason["rule"])} for reason in self.reasons]


class ApprovalDecision(Record):
    """What one person decided about a request, and which content was seen."""

    class Verdict(models.TextChoices):
        """The two words a decision may say."""

        APPROVE = "approve", _("approve")
        REJECT = "reject", _("reject")

    id: "models.UUIDField[UUID, UUID]" = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    request = models.ForeignKey(
        ApprovalRequest, on_delete=models.PROTECT, related_name="decisions", verbose_name=_("request")
    )
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("person")
    )
    api_key_id = models.UUIDField(_("API key"), null=True)
    verdict = models.CharField(_("verdict"), max_length=10, choices=Verdict.choices)
    reason = models.TextField(_("reason"), blank=True)
    digest_seen = models.CharField(_("digest seen"), max_length=64)
    created_at = models.DateTimeField(_("time"), auto_now_add=True)

    class Meta:
        verbose_name = _("approval decision")
        verbose_name_plural = _("approval decisions")
        ordering = ["created_at"]
        constraints = [
            models.UniqueConstraint(fields=["request", "actor"], name="approvals_decision_once_per_person"),
            models.CheckConstraint(
                condition=models.Q(verdict__in=["approve", "reject"]), name="approvals_decision_verdict"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_verdict_display()} · {self.request}"
