"""Secrets and their versions; only ciphertext is stored."""

from uuid import UUID

from django.db import models
from django.utils.translation import gettext_lazy as _

from holo.common.ids import uuid7
from holo.common.records import Record
from holo.identity.models import Environment, Organization, Project


class Secret(Record):
    """The name of a secret in a place: an environment, a project, an organisation, or the installation."""

    mutable = frozenset({"version", "deleted_at"})

    id: "models.UUIDField[UUID, UUID]" = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("organisation")
    )
    project = models.ForeignKey(
        Project, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("project")
    )
    environment = models.ForeignKey(
        Environment, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("environment")
    )
    name = models.CharField(_("name"), max_length=200)
    # Of the newest version; 0 before there is one.
    version = models.PositiveIntegerField(_("version"), default=0)
    deleted_at = models.DateTimeField(_("deleted"), null=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("secret")
        verbose_name_plural = _("secrets")
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "project", "environment", "name"],
                nulls_distinct=False,
                name="secretstore_secret_name_once",
            ),
            models.CheckConstraint(
                condition=models.Q(project__isnull=True) | models.Q(organization__isnull=False),
                name="secretstore_secret_project_of_organization",
            ),
            models.CheckConstraint(
                condition=models.Q(environment__isnull=True) | models.Q(project__isnull=False),
                name="secretstore_secret_environment_of_project",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def has_value(self) -> bool:
        """Whether there is a value: it was set and not deleted since."""
        return self.version > 0 and self.deleted_at is None


class SecretVersion(Record):
    """One value that a secret had. When the secret is deleted, ciphertext and data key are wiped."""

    mutable = frozenset({"key_id", "data_key", "ciphertext"})
    shut = frozenset({"data_key", "ciphertext"})

    id = models.BigAutoField(primary_key=True)
    secret = models.ForeignKey(
        Secret, on_delete=models.PROTECT, related_name="versions", verbose_name=_("secret")
    )
    number = models.PositiveIntegerField(_("version"))
    key_id = models.CharField(_("key"), max_length=32)
    data_key = models.BinaryField(null=True)
    ciphertext = models.BinaryField(null=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("version of a secret")
        verbose_name_plural = _("versions of secrets")
        constraints = [
            models.UniqueConstraint(fields=["secret", "number"], name="secretstore_secretversion_once"),
            models.CheckConstraint(
                condition=models.Q(data_key__isnull=True, ciphertext__isnull=True)
                | models.Q(data_key__isnull=False, ciphertext__isnull=False),
                name="secretstore_secretversion_wiped_whole",
            ),
        ]
        indexes = [models.Index(fields=["key_id", "id"], name="secretstore_version_key")]

    def __str__(self) -> str:
        return f"{self.secret} · {self.number}"
