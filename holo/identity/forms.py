"""Forms of people in the admin: by e-mail address, there are no user names."""

from typing import Any

from django import forms
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.utils.translation import gettext as _

from holo.identity.models import Membership, User
from holo.identity.selectors import is_last_owner


class PersonAddForm(AdminUserCreationForm[User]):
    """A new person with a first password."""

    class Meta:
        model = User
        fields = ("email", "name")

    def clean_email(self) -> Any:
        """Store addresses in lower case: the database knows each in one spelling."""
        return self.cleaned_data["email"].lower()


class PersonChangeForm(UserChangeForm[User]):
    """A person who is there."""

    class Meta:
        model = User
        fields = ("email", "name", "password", "is_active", "is_staff", "is_superuser", "groups")

    def clean_email(self) -> Any:
        """Store addresses in lower case: the database knows each in one spelling."""
        return self.cleaned_data["email"].lower()


class MembershipForm(forms.ModelForm[Membership]):
    """Who belongs where, and as what."""

    class Meta:
        model = Membership
        fields = ("user", "organization", "role")

    def clean(self) -> dict[str, Any]:
        """Refuse to leave an organisation without an owner, before the database does."""
        values = super().clean() or {}
        stays = values.get("role") == Membership.Role.OWNER and "organization" not in self.changed_data
        if self.instance.pk and not stays and is_last_owner(self.instance.pk):
            raise forms.ValidationError(
                _("The organisation would be left without an owner; make somebody else one first.")
            )
        return values
