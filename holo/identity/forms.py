"""Forms of people: by e-mail address, there are no user names."""

import unicodedata
from typing import Any

from django import forms
from django.contrib.admin.forms import AdminPasswordChangeForm as OwnPasswordChangeForm
from django.contrib.auth import authenticate
from django.contrib.auth.forms import (
    AdminPasswordChangeForm,
    AdminUserCreationForm,
    SetPasswordForm,
    UserChangeForm,
)
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from holo.common.db import limited_wait
from holo.common.shown_values import ShownValues
from holo.common.text_field import PlainTextField
from holo.identity.groups import built_in_permissions
from holo.identity.locks import lock_group_names
from holo.identity.models import Membership, User
from holo.identity.permission_labels import permission_label
from holo.identity.selectors import is_last_owner, is_last_superuser


class _UniqueLogin:
    """Refuses an address that somebody else logs in with, before the database does."""

    def require_free(self, person: User, email: str | None, field: str | None) -> None:
        """Add an error to the field."""
        if email and User.objects.called(email).exclude(pk=person.pk).exists():
            taken = _("Somebody logs in with this e-mail address already.")
            self.add_error(field, taken)  # type: ignore[attr-defined]  # a mixin


class PersonAddForm(_UniqueLogin, AdminUserCreationForm[User]):
    """A new person with a first password."""

    # Django's own help speaks of ways to log in that there are not.
    usable_password = AdminUserCreationForm.create_usable_password_field(
        help_text=gettext_lazy("Without a password nobody logs in to this account until one is set here.")
    )

    class Meta:
        model = User
        fields = ("email", "name")

    def clean(self) -> dict[str, Any]:
        """Refuse an address that somebody logs in with."""
        values = super().clean() or {}
        self.require_free(self.instance, values.get("email"), "email")
        return values


# Without any of these a superuser cannot work in the admin.
_SUPERUSER_FIELDS = ("is_active", "is_staff", "is_superuser")
OWN_RIGHTS = gettext_lazy("You cannot take your own rights as a superuser. Ask another superuser.")
LAST_SUPERUSER = gettext_lazy(
    "Nobody else is a superuser who can log in to the admin. Make somebody else one first."
)
INVITE_FIRST = gettext_lazy(
    "This person has no address to log in with yet. They choose a password when they accept an invitation."
)


class PersonChangeForm(_UniqueLogin, UserChangeForm[User]):
    """A person who is there. The admin sets `acting` to whoever fills in the form."""

    acting: User | None = None

    class Meta:
        model = User
        fields = ("email", "name", "password", "is_active", "is_staff", "is_superuser", "groups")

    def clean(self) -> dict[str, Any]:
        """Refuse to leave the installation without a superuser, and an address that somebody logs in with."""
        values = super().clean() or {}
        vouches = self.acting is None or self.acting.is_superuser
        if vouches and (self.instance.login or values.get("is_staff") or values.get("is_superuser")):
            self.require_free(self.instance, values.get("email"), "email")
        # A field that the person may not change is not in the form.
        lost = [
            name
            for name in _SUPERUSER_FIELDS
            if name in self.fields and self.initial.get(name) and not values.get(name)
        ]
        if not lost or not all(self.initial.get(name, True) for name in _SUPERUSER_FIELDS):
            return values
        if self.acting is not None and self.acting.pk == self.instance.pk:
            self.add_error(lost[0], OWN_RIGHTS)
        elif is_last_superuser(self.instance.pk):
            self.add_error(lost[0], LAST_SUPERUSER)
        return values


_SHOWN = 5


class GroupForm(forms.ModelForm[Group]):
    """A group. A built-in one keeps its permissions; no other one has a name that people read as the same."""

    def clean_name(self) -> str:
        """Refuse a name that differs from another one's by the case or the width of its letters alone."""
        name: str = self.cleaned_data["name"]
        if connection.in_atomic_block:  # only a form that is sent is saved
            lock_group_names()
        for other in Group.objects.exclude(pk=self.instance.pk).values_list("name", flat=True):
            if _as_read(other) == _as_read(name):
                raise forms.ValidationError(
                    _("There is a group “%(name)s” already.") % {"name": other}, code="unique"
                )
        return name

    def clean_permissions(self) -> QuerySet[Permission]:
        """Refuse to take from a built-in group what the next upgrade would give back to it."""
        chosen: QuerySet[Permission] = self.cleaned_data["permissions"]
        if self.instance.pk is None:
            return chosen
        given = built_in_permissions(self.instance.name) & set(self.instance.permissions.all())
        names = sorted(map(permission_label, given - set(chosen)))
        if names:
            shown = ", ".join(names[:_SHOWN]) + (" …" if len(names) > _SHOWN else "")
            text = _("This group is built in and keeps its permissions: %(names)s. Use a group of your own.")
            raise forms.ValidationError(text % {"names": shown})
        return chosen


def _as_read(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()


class _WritesThePasswordAlone:
    """Django would write all columns as they were read, and undo what somebody changed meanwhile."""

    def set_password_and_save(self, user: User, *args: Any, commit: bool = True, **kwargs: Any) -> User:
        """Set the password; with `commit`, write that column."""
        super().set_password_and_save(user, *args, commit=False, **kwargs)  # type: ignore[misc]  # a mixin
        if commit:
            with limited_wait():
                user.save(update_fields=["password"])
        return user


class PersonPasswordForm(_WritesThePasswordAlone, _UniqueLogin, AdminPasswordChangeForm):  # type: ignore[type-arg]
    """Another password for somebody, or a first one."""

    def clean(self) -> dict[str, Any]:
        """Refuse a first password where somebody else logs in with the address."""
        values = super().clean() or {}
        if self.user.login is None:
            self.require_free(self.user, self.user.email, "password1")
        return values


class OwnPasswordForm(_WritesThePasswordAlone, OwnPasswordChangeForm):
    """Another password for oneself."""


class MembershipForm(ShownValues, forms.ModelForm[Membership]):
    """Who belongs where, and as what."""

    class Meta:
        model = Membership
        fields = ("user", "organization", "role")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Whose a membership is does not change; on the person's page the form still has the organisation.
        if self.instance.pk and "organization" in self.fields:
            self.fields["organization"].disabled = True

    def clean(self) -> dict[str, Any]:
        """Refuse to leave an organisation without an owner, before the database does."""
        values = super().clean() or {}
        stays = values.get("role") == Membership.Role.OWNER
        if self.instance.pk and not stays and is_last_owner(self.instance.pk):
            raise forms.ValidationError(
                _("The organisation would be left without an owner; make somebody else one first.")
            )
        return values


class KnownPersonForm(forms.Form):
    """Somebody with an account accepts an invitation by showing the password."""

    password = forms.CharField(
        label=gettext_lazy("Password"),
        strip=False,
        max_length=4096,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "autofocus": True}),
    )

    def __init__(self, *args: Any, request: HttpRequest, person: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.person = person
        self._request = request

    def clean_password(self) -> str:
        """Refuse a wrong password, and any of somebody who may not log in."""
        password: str = self.cleaned_data["password"]
        if authenticate(self._request, username=self.person.login, password=password) is None:
            raise forms.ValidationError(_("The password is wrong."))
        return password


class NewPersonForm(SetPasswordForm):  # type: ignore[type-arg] # not generic at run time
    """Somebody without an account accepts an invitation with a name and a first password."""

    name = PlainTextField(label=pgettext_lazy("person", "Name"), max_length=150)
    field_order = ["name"]

    def __init__(self, *args: Any, email: str, **kwargs: Any) -> None:
        # The person is not there yet; a password like the address is refused all the same.
        super().__init__(User(email=email), *args, **kwargs)
