"""The integrations that people wish for, and who wishes for which."""

from uuid import UUID

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from holo.common.ids import uuid7
from holo.common.records import Record
from holo.identity.models import SHORT_NAME


class Integration(Record):
    """Another company's product that Holo could work with; the same catalogue for everybody.

    Rows come from `catalogue.json` and are put in step with it whenever the database is migrated. What has
    left the file keeps its votes and is no longer `listed`.
    """

    mutable = frozenset({"name", "category", "home_page", "listed"})

    class Category(models.TextChoices):
        """What it does."""

        STORE = "store", _("online store")
        MARKETPLACE = "marketplace", _("marketplace")
        PAYMENT = "payment", pgettext_lazy("category", "payment")
        CARRIER = "carrier", _("carrier")
        SHIPPING = "shipping", _("shipping and tracking")
        ACCOUNTING = "accounting", _("accounting and ERP")
        MESSAGING = "messaging", _("messaging")
        CUSTOMERS = "customers", _("customer service")

    id: "models.UUIDField[UUID, UUID]" = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    identifier = models.SlugField(_("identifier"), unique=True)
    name = models.CharField(_("name"), max_length=100)
    category = models.CharField(_("category"), max_length=12, choices=Category.choices)
    home_page = models.URLField(_("home page"))
    listed = models.BooleanField(_("listed"), default=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("integration")
        verbose_name_plural = _("integrations")
        ordering = ["identifier"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(identifier__regex=SHORT_NAME), name="apivote_integration_identifier_form"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ApiIntegrationVote(Record):
    """That a person wishes for an integration; the row is the vote.

    It is the person's, whichever organisation they speak for: nobody has two by belonging to two.
    """

    deletable = True

    id: "models.UUIDField[UUID, UUID]" = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    integration = models.ForeignKey(
        Integration, on_delete=models.PROTECT, related_name="votes", verbose_name=_("integration")
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("user")
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("vote")
        verbose_name_plural = _("votes")
        constraints = [
            models.UniqueConstraint(fields=["integration", "user"], name="apivote_apiintegrationvote_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.integration}"
