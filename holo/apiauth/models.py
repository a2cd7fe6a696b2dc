"""Credentials: keys and tokens, of which only a hash is kept."""

from uuid import UUID

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from holo.common.ids import uuid7
from holo.identity.models import Environment, Organization


class ApiKey(models.Model):
    """A credential in one organisation, shown once, when made: a key, or a token of a person or of nobody.

    One model for the three, because what holds of one holds of all: hash, scopes, life, networks, end.
    """

    class Kind(models.TextChoices):
        """What a credential is. A key is one program's, a personal token the person's own."""

        KEY = "key", _("API key")
        PERSONAL = "personal", _("personal access token")
        ORGANIZATION = "organization", _("organisation token")

    id: "models.UUIDField[UUID, UUID]" = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="api_keys", verbose_name=_("organisation")
    )
    environment = models.ForeignKey(
        Environment,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="api_keys",
        verbose_name=_("environment"),
    )
    kind = models.CharField(
        _("kind"), max_length=12, choices=Kind.choices, default=Kind.KEY, db_default=Kind.KEY
    )
    # None for a token of the organisation, for which no person stands.
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="api_keys",
        verbose_name=_("owner"),
    )
    # Ends with it: else a key that leaked would live on in what was made with it.
    made_with = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, related_name="made", verbose_name=_("made with")
    )
    name = models.CharField(_("name"), max_length=100, blank=True)
    prefix = models.CharField(_("prefix"), max_length=16, unique=True)
    secret_hash = models.CharField(_("hash"), max_length=64)
    scopes = models.JSONField(_("scopes"), default=list)
    # Addresses it works from, as CIDR; empty: from anywhere.
    networks = models.JSONField(
        _("works from"), default=list, db_default=models.Value([], models.JSONField()), blank=True
    )
    replaced_by = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, related_name="replaces", verbose_name=_("replaced by")
    )
    expires_at = models.DateTimeField(_("expires"))
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind__in=["key", "personal"], owner__isnull=False)
                | models.Q(kind="organization", owner__isnull=True),
                name="apiauth_apikey_owner_by_kind",
            ),
            models.CheckConstraint(
                condition=models.Q(kind="key") | models.Q(environment__isnull=True),
                name="apiauth_apikey_environment_of_key",
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.prefix
