"""Organisations, who belongs to them, and their projects and environments."""

from uuid import UUID

from django.db import models
from django.utils.translation import gettext_lazy as _

from holo.common.addresses import validate_single_line
from holo.common.ids import uuid7
from holo.common.records import Record
from holo.identity.models.people import User

# What addresses of the API carry: lower case, digits, single hyphens between.
SHORT_NAME = r"^[a-z0-9]+(-[a-z0-9]+)*$"
SHORT_NAME_LENGTH = 50


class Organization(Record):
    """A merchant: the owner of everything that is not shared by all."""

    mutable = frozenset({"name"})

    id: "models.UUIDField[UUID, UUID]" = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    slug = models.SlugField(_("short name"), unique=True)
    name = models.CharField(_("name"), max_length=200, validators=[validate_single_line])
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    members: "models.ManyToManyField[User, Membership]" = models.ManyToManyField(
        User, through="Membership", related_name="organizations", verbose_name=_("members")
    )

    class Meta:
        verbose_name = _("organisation")
        verbose_name_plural = _("organisations")
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.name


class Membership(Record):
    """That a person belongs to an organisation, and as what."""

    mutable = frozenset({"role"})
    deletable = True

    class Role(models.TextChoices):
        """What a member is: who may manage the organisation. Work with orders takes groups and scopes."""

        OWNER = "owner", _("owner")
        ADMIN = "admin", _("admin")
        MEMBER = "member", _("member")
        AUDITOR = "auditor", _("auditor")

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="memberships", verbose_name=_("organisation")
    )
    user = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="memberships", verbose_name=_("user")
    )
    role = models.CharField(_("role"), max_length=10, choices=Role.choices, default=Role.MEMBER)
    # What the organisation's own systems call the person; empty where they call them nothing.
    reference = models.CharField(_("reference"), max_length=64, blank=True, default="")
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints = [
            models.UniqueConstraint(fields=["organization", "user"], name="identity_membership_once"),
            models.UniqueConstraint(
                fields=["organization", "reference"],
                condition=~models.Q(reference=""),
                name="identity_membership_reference_once",
            ),
            models.CheckConstraint(
                condition=models.Q(role__in=["owner", "admin", "member", "auditor"]),
                name="identity_membership_role",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.organization}"


class Project(Record):
    """A part of an organisation's business with environments of its own."""

    mutable = frozenset({"name"})

    id: "models.UUIDField[UUID, UUID]" = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="projects", verbose_name=_("organisation")
    )
    slug = models.SlugField(_("short name"))
    name = models.CharField(_("name"), max_length=200)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("project")
        verbose_name_plural = _("projects")
        ordering = ["slug"]
        constraints = [
            models.UniqueConstraint(fields=["organization", "slug"], name="identity_project_slug_once"),
            # What an environment refers to, so that both are of one organisation.
            models.UniqueConstraint(fields=["id", "organization"], name="identity_project_tenant"),
            models.CheckConstraint(
                condition=models.Q(slug__regex=SHORT_NAME), name="identity_project_slug_form"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Environment(Record):
    """Where a project runs; keys, secrets and events belong to one of them."""

    class Kind(models.TextChoices):
        """What an environment is for."""

        PRODUCTION = "production", _("production")
        STAGING = "staging", _("staging")
        DEVELOPMENT = "development", _("development")
        PREVIEW = "preview", _("preview")

    id: "models.UUIDField[UUID, UUID]" = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="environments", verbose_name=_("organisation")
    )
    project = models.ForeignKey(
        Project, on_delete=models.PROTECT, related_name="environments", verbose_name=_("project")
    )
    slug = models.SlugField(_("short name"))
    kind = models.CharField(_("kind"), max_length=11, choices=Kind.choices)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("environment")
        verbose_name_plural = _("environments")
        ordering = ["slug"]
        constraints = [
            models.UniqueConstraint(fields=["project", "slug"], name="identity_environment_slug_once"),
            # What a row of an environment refers to, so that both are of one project.
            models.UniqueConstraint(fields=["id", "project"], name="identity_environment_project"),
            models.UniqueConstraint(fields=["id", "organization"], name="identity_environment_tenant"),
            models.CheckConstraint(
                condition=models.Q(kind__in=["production", "staging", "development", "preview"]),
                name="identity_environment_kind",
            ),
            models.CheckConstraint(
                condition=models.Q(slug__regex=SHORT_NAME), name="identity_environment_slug_form"
            ),
        ]

    def __str__(self) -> str:
        return self.slug
