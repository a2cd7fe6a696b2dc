"""People, and what addresses they had."""

from typing import Any, ClassVar
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from holo.common.addresses import validate_address
from holo.common.characters import normal
from holo.common.db import UNIQUE_VIOLATION, contained, sqlstate
from holo.common.ids import uuid7
from holo.common.records import Record


class UserManager(BaseUserManager["User"]):
    """Makes users by e-mail address."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Create a person who may log in; `password` None makes it impossible until one is set.

        Raises ValidationError for what is no e-mail address.
        """
        validate_address(email)
        email = normal(self.normalize_email(email))
        user = self.model(email=email, login=email, **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Create an administrator.

        Raises ValidationError also where somebody logs in with the address, and for a password that the form
        would refuse: `createsuperuser --noinput` asks nobody, and an administrator may do everything.
        """
        if password is not None:
            validate_password(password, self.model(email=email))
        taken = ValidationError(_("Somebody logs in with this e-mail address already."), code="unique")
        if self.called(email).exists():
            raise taken
        try:
            with contained():
                return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)
        except IntegrityError as error:
            if sqlstate(error) != UNIQUE_VIOLATION:
                raise
            # Somebody else made the person after the look.
            raise taken from None

    def get_by_natural_key(self, username: str | None) -> "User":
        """Return the user of an e-mail address, in whatever case it was typed."""
        return self.called(username or "").get()

    def called(self, email: str) -> "models.QuerySet[User]":
        """Return whoever logs in with this address, in whatever case and normal form: at most one person."""
        return self.filter(login__address=email)


class User(Record, AbstractBaseUser, PermissionsMixin):
    """A person, known by e-mail address.

    `email` is where mail goes; nobody has checked whose it is, and several accounts may have the same one.
    `login` is unique: the person has proved that it is theirs by accepting an invitation, or a superuser has
    entered it. An account that an organisation's system made has no `login` until then. Where an account
    without `login` gets a password or rights, the database copies `email` into it (trigger
    identity_user_login_filled).
    """

    mutable = frozenset(
        {
            *("password", "last_login", "is_superuser", "is_staff", "is_active"),
            *("email", "login", "name", "language"),
        }
    )
    deletable = True
    shut = frozenset({"password"})

    id: "models.UUIDField[UUID, UUID]" = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    email = models.EmailField(_("e-mail address"), db_index=True, validators=[validate_address])
    login = models.EmailField(_("address to log in with"), null=True, editable=False)
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
        constraints = [models.UniqueConstraint(Lower("login"), name="identity_user_login_once")]
        indexes = [models.Index(Lower("email"), name="identity_user_email")]

    def __str__(self) -> str:
        return self.email

    @property
    def is_unclaimed(self) -> bool:
        """Whether nobody has had a password for the account yet."""
        rights = self.is_staff or self.is_superuser
        return self.is_active and not rights and self.last_login is None and not self.has_usable_password()


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
