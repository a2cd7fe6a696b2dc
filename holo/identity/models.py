"""People, organisations and their environments: defined here once for the whole product."""

from typing import Any, ClassVar
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from holo.common.addresses import validate_address, validate_single_line
from holo.common.characters import normal
from holo.common.ids import uuid7
from holo.common.records import Record

# What addresses of the API carry: lower case, digits, single hyphens between.
SHORT_NAME = r"^[a-z0-9]+(-[a-z0-9]+)*$"
SHORT_NAME_LENGTH = 50


class UserManager(BaseUserManager["User"]):
    """Makes users by e-mail address."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Create a person who may log in; `password` None makes it impossible until one is set.

        Raises ValidationError for what is no e-mail address.
        """
        validate_address(email)
        user = self.model(email=normal(self.normalize_email(email)), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Create an administrator."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        """Return the user of an e-mail address, in whatever case it was typed."""
        return self.called(username or "").get()

    def called(self, email: str) -> "models.QuerySet[User]":
        """Return whoever has this address, in whatever case and normal form: at most one person."""
        return self.filter(email__address=email)


class User(Record, AbstractBaseUser, PermissionsMixin):
    """A person, known by e-mail address."""

    mutable = frozenset(
        {"password", "last_login", "is_superuser", "email", "name", "language", "is_staff", "is_active"}
    )
    deletable = True

    id: "models.UUIDField[UUID, UUID]" = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    email = models.EmailField(_("e-mail address"), unique=True, validators=[validate_address])
    name = models.CharField(pgettext_lazy("person", "name"), max_length=150, blank=True)
    # The language last used in the admin, which mail is written in; empty for the installation's own.
    language = models.CharField(_("language"), max_length=10, blank=True, default="", editable=False)
    is_staff = models.BooleanField(_("may use the admin"), default=False)
    is_active = models.BooleanField(_("active"), default=True)
    date_joined = models.DateTimeField(_("joined"), auto_now_add=True)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        ordering = ["email"]
        constraints = [models.UniqueConstraint(Lower("email"), name="identity_user_email_once")]

    def __str__(self) -> str:
        return self.email

    @property
    def is_unclaimed(self) -> bool:
        """Whether an organisation's system made the account and nobody has had a password for it yet."""
        rights = self.is_staff or self.is_superuser
        return self.is_active and not rights and self.last_login is None and not self.has_usable_password()


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

    mutable = frozenset({"role", "reference"})
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


class Invitation(Record):
    """That somebody is asked into an organisation; it ends once, or runs out.

    Of the link only a hash is kept, and only once it has been mailed.
    """

    mutable = frozenset({"email", "state", "token_hash", "ended_at"})

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


class AddressChange(Record):
    """That a person's e-mail address was changed; both addresses are told. Erasing the person empties it."""

    mutable = frozenset({"before", "after"})
    deletable = True

    id: "models.UUIDField[UUID, UUID]" = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+", verbose_name=_("user"))
    before = models.EmailField(_("address before"), blank=True)
    after = models.EmailField(_("address after"), blank=True)
    created_at = models.DateTimeField(_("time"), auto_now_add=True)

    class Meta:
        verbose_name = _("change of an address")
        verbose_name_plural = _("changes of addresses")
        ordering = ["-id"]

    def __str__(self) -> str:
        return str(self.pk)
