"""Second factors, recovery codes, sessions of the admin, and how often somebody has tried to get in."""

from uuid import UUID

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from holo.common.ids import uuid7
from holo.common.records import Record


class SecondFactor(Record):
    """A device that shows one-time codes (RFC 6238). Its secret is sealed in the secret store."""

    mutable = frozenset({"confirmed_at", "last_step", "drift", "failures", "failed_at"})
    deletable = True

    id: "models.UUIDField[UUID, UUID]" = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", verbose_name=_("user")
    )
    # None until the person has shown a code: who could not read the secret must not be locked out by it.
    confirmed_at = models.DateTimeField(_("confirmed"), null=True)
    # The step of the newest code that was accepted; only later ones are.
    last_step = models.BigIntegerField(default=-1)
    drift = models.SmallIntegerField(default=0)
    failures = models.PositiveIntegerField(default=0)
    failed_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(_("created"), db_default=Now())

    class Meta:
        verbose_name = _("second factor")
        verbose_name_plural = _("second factors")
        constraints = [
            models.UniqueConstraint(
                fields=["user"],
                condition=models.Q(confirmed_at__isnull=False),
                name="staff_secondfactor_once",
            )
        ]

    def __str__(self) -> str:
        return str(self.pk)


class RecoveryCode(Record):
    """A code that replaces the device once; only its hash is stored."""

    mutable = frozenset({"used_at"})
    deletable = True
    shut = frozenset({"code_hash"})

    id = models.BigAutoField(primary_key=True)
    factor = models.ForeignKey(
        SecondFactor, on_delete=models.CASCADE, related_name="codes", verbose_name=_("second factor")
    )
    code_hash = models.CharField(max_length=64)
    used_at = models.DateTimeField(_("used"), null=True)

    class Meta:
        verbose_name = _("recovery code")
        verbose_name_plural = _("recovery codes")
        constraints = [
            models.UniqueConstraint(fields=["factor", "code_hash"], name="staff_recoverycode_once")
        ]

    def __str__(self) -> str:
        return str(self.pk)


class StaffSession(Record):
    """One log-in with both factors. A browser's session without its row is nobody's.

    Triggers delete the rows of who gets another password, is deactivated, or loses a role or a group.
    """

    mutable = frozenset({"seen_at", "proved_at"})
    deletable = True

    id: "models.UUIDField[UUID, UUID]" = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", verbose_name=_("user")
    )
    address = models.CharField(_("address"), max_length=64, blank=True)
    agent = models.CharField(_("browser"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("began"), db_default=Now())
    seen_at = models.DateTimeField(_("last seen"), db_default=Now())
    # When the person last showed a code.
    proved_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = _("session")
        verbose_name_plural = _("sessions")

    def __str__(self) -> str:
        return str(self.pk)


class LoginLimit(Record):
    """How often somebody has tried: of an e-mail address from an address, or of an address. Hashed."""

    mutable = frozenset({"attempts", "rounds", "blocked_until", "seen_at"})
    deletable = True

    key = models.CharField(primary_key=True, max_length=80)
    attempts = models.PositiveIntegerField(default=0)
    # How many waits in a row; each is twice as long as the one before.
    rounds = models.PositiveIntegerField(default=0)
    blocked_until = models.DateTimeField()
    seen_at = models.DateTimeField()

    class Meta:
        verbose_name = _("limit of log-ins")
        verbose_name_plural = _("limits of log-ins")
        indexes = [models.Index(fields=["seen_at"], name="staff_loginlimit_seen")]

    def __str__(self) -> str:
        return self.key
