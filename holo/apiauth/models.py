"""Credentials: keys and tokens, of which only a hash is kept."""

from uuid import UUID

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from holo.common.ids import uuid7
from holo.common.records import Record
from holo.identity.models import Environment, Organization


class ApiKey(Record):
    """A credential in one organisation, shown once, when made: a key, or a token of a person or of nobody.

    One model for the three, because what holds of one holds of all: hash, scopes, life, networks, end.
    """

    mutable = frozenset({"name", "replaced_by", "expires_at", "revoked_at", "last_used_at"})
    shut = frozenset({"secret_hash"})

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
    # The first of its rotations, for which all of them count; None for that one itself.
    first = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        verbose_name=_("first of its rotations"),
    )
    expires_at = models.DateTimeField(_("expires"))
    revoked_at = models.DateTimeField(pgettext_lazy("time", "revoked"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        ordering = ["-created_at"]
        constraints = [
            # What foreign keys of keys refer to, so that both are of one organisation.
            models.UniqueConstraint(fields=["id", "organization"], name="apiauth_apikey_tenant"),
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


class UsedPublicToken(Record):
    """That a public token for one use was used; kept for as long as it could be shown again."""

    deletable = True

    jti: "models.UUIDField[UUID, UUID]" = models.UUIDField(primary_key=True, editable=False)
    expires_at = models.DateTimeField(_("expires"), db_index=True)

    class Meta:
        verbose_name = _("used public token")
        verbose_name_plural = _("used public tokens")

    def __str__(self) -> str:
        return str(self.jti)


class AuthorizationCode(Record):
    """That a program without a browser asks for a person's token; of the code only a hash is kept."""

    mutable = frozenset({"client_name", "state", "organization", "user", "token", "polled_at"})
    deletable = True
    shut = frozenset({"code_hash"})

    class State(models.TextChoices):
        """How far it is; an open or approved one may have run out."""

        OPEN = "open", _("open")
        APPROVED = "approved", _("approved")
        REFUSED = "refused", _("refused")
        USED = "used", _("used")

    id: "models.UUIDField[UUID, UUID]" = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    code_hash = models.CharField(_("hash"), max_length=64, unique=True)
    # Shown by the program and on the page, so that the person sees that it is the same login.
    user_code = models.CharField(_("code to compare"), max_length=9)
    client_name = models.CharField(_("program"), max_length=100)
    scopes = models.JSONField(_("scopes"))
    # As a network: one person has a whole /64 of IPv6.
    address = models.CharField(_("asked from"), max_length=50)
    state = models.CharField(_("state"), max_length=8, choices=State.choices, default=State.OPEN)
    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("organisation")
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        verbose_name=_("person"),
    )
    token = models.OneToOneField(
        ApiKey, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("token")
    )
    created_at = models.DateTimeField(_("created"))
    expires_at = models.DateTimeField(_("expires"))
    polled_at = models.DateTimeField(_("last asked about"), null=True)

    class Meta:
        verbose_name = _("authorisation code")
        verbose_name_plural = _("authorisation codes")
        indexes = [models.Index(fields=["address", "created_at"], name="apiauth_code_address")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state="open", user__isnull=True, token__isnull=True)
                | models.Q(state__in=["approved", "refused"], user__isnull=False, token__isnull=True)
                | models.Q(state="used", user__isnull=False, token__isnull=False),
                name="apiauth_authorizationcode_state",
            ),
        ]

    def __str__(self) -> str:
        return self.user_code
