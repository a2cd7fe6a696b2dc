"""Invitations, and the changes of people that an organisation's own systems ask for."""

from uuid import UUID

from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from holo.common.addresses import validate_address
from holo.common.ids import uuid7
from holo.common.records import Record
from holo.identity.models.organizations import Membership, Organization
from holo.identity.models.people import User


class Invitation(Record):
    """That somebody is asked into an organisation; it ends once, or runs out.

    Of the link only a hash is kept, and only once it has been mailed.
    """

    mutable = frozenset({"email", "state", "token_hash", "ended_at"})
    shut = frozenset({"token_hash"})

    class State(models.TextChoices):
        """How far it is; an open one may have run out."""

        OPEN = "open", _("open")
        ACCEPTED = "accepted", _("accepted")
        REVOKED = "revoked", _("revoked")

    id: "models.UUIDField[UUID, UUID]" = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="invitations", verbose_name=_("organisation")
    )
    email = models.EmailField(_("e-mail address"), validators=[validate_address])
    role = models.CharField(_("role"), max_length=10, choices=Membership.Role.choices)
    invited_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("invited by")
    )
    # The organisation's token that invited where no person did, and what rows call it.
    invited_with = models.UUIDField(_("invited with"), null=True, editable=False)
    invited_as = models.CharField(_("invited as"), max_length=64, blank=True, db_default="", editable=False)
    state = models.CharField(_("state"), max_length=8, choices=State.choices, default=State.OPEN)
    token_hash = models.CharField(_("hash"), max_length=64, null=True, unique=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    expires_at = models.DateTimeField(_("expires"))
    ended_at = models.DateTimeField(pgettext_lazy("time", "ended"), null=True)

    class Meta:
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        ordering = ["-created_at"]
        indexes = [
            models.Index(Lower("email"), "created_at", name="identity_invitation_to_address"),
            models.Index(fields=["organization", "created_at"], name="identity_invitation_sent"),
        ]
        constraints = [
            models.UniqueConstraint(
                "organization",
                Lower("email"),
                condition=models.Q(state="open"),
                name="identity_invitation_open_once",
            ),
            models.CheckConstraint(
                condition=models.Q(state="open", ended_at__isnull=True)
                | models.Q(state__in=["accepted", "revoked"], ended_at__isnull=False),
                name="identity_invitation_ended_when_over",
            ),
            models.CheckConstraint(
                condition=models.Q(role__in=["owner", "admin", "member", "auditor"]),
                name="identity_invitation_role",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.email} · {self.organization}"


class UserChange(Record):
    """That an organisation's system wants a person created, updated or deleted, and what became of it.

    The process that does it carries only the id. What it says of a person goes when the person is deleted.
    """

    mutable = frozenset(
        {"email", "name", "user", "state", "code", "notice", "run_id", "cancel_requested_at", "ended_at"}
    )

    class Action(models.TextChoices):
        """What is wanted."""

        CREATE = "create", _("create")
        UPDATE = "update", _("update")
        DELETE = "delete", _("delete")

    class State(models.TextChoices):
        """How far it is."""

        RUNNING = "running", _("running")
        SUCCEEDED = "succeeded", _("succeeded")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    class Notice(models.TextChoices):
        """Whether the person was told."""

        NONE = "none", _("none")
        SENT = "sent", _("sent")
        FAILED = "failed", _("not sent")

    id: "models.UUIDField[UUID, UUID]" = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="+", verbose_name=_("organisation")
    )
    reference = models.CharField(_("reference"), max_length=64)
    action = models.CharField(_("action"), max_length=6, choices=Action.choices)
    email = models.EmailField(_("e-mail address"), blank=True, validators=[validate_address])
    name = models.CharField(pgettext_lazy("person", "name"), max_length=100, blank=True)
    user = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("user")
    )
    requested_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("requested by")
    )
    # The organisation's token that asked where no person did, and what rows call it.
    requested_with = models.UUIDField(_("requested with"), null=True, editable=False)
    requested_as = models.CharField(
        _("requested as"), max_length=64, blank=True, db_default="", editable=False
    )
    state = models.CharField(_("state"), max_length=9, choices=State.choices, default=State.RUNNING)
    # Why it failed: a code of the error catalogue.
    code = models.CharField(_("code"), max_length=64, blank=True)
    notice = models.CharField(_("notification"), max_length=6, choices=Notice.choices, default=Notice.NONE)
    # The run of the process, once it has begun.
    run_id = models.CharField(_("run"), max_length=64, blank=True)
    cancel_requested_at = models.DateTimeField(_("cancel requested"), null=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    ended_at = models.DateTimeField(pgettext_lazy("time", "ended"), null=True)

    class Meta:
        verbose_name = _("change of a user")
        verbose_name_plural = _("changes of users")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "reference"],
                condition=models.Q(state="running"),
                name="identity_userchange_running_once",
            ),
            models.CheckConstraint(
                condition=models.Q(state="running", ended_at__isnull=True)
                | models.Q(state__in=["succeeded", "failed", "cancelled"], ended_at__isnull=False),
                name="identity_userchange_ended_when_over",
            ),
            models.CheckConstraint(
                condition=(models.Q(state="failed") & ~models.Q(code=""))
                | (~models.Q(state="failed") & models.Q(code="")),
                name="identity_userchange_code_when_failed",
            ),
            models.CheckConstraint(
                condition=models.Q(action__in=["create", "update", "delete"]) & ~models.Q(reference=""),
                name="identity_userchange_action",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.reference}"

    @property
    def workflow_id(self) -> str:
        """Return the id of the process, as clients see it."""
        return f"user-{self.action}-{self.pk}"
