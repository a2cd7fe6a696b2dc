"""Forms of people in the admin: by e-mail address, there are no user names."""

from typing import Any

from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm

from holo.identity.models import User


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
