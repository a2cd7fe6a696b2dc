"""The form that makes an API key in the admin."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import uuid4

from django import forms
from django.utils.translation import gettext_lazy as _

from holo.apiauth.models import ApiKey
from holo.apiauth.scopes import SCOPES, scopes_of_user
from holo.apiauth.services import DEFAULT_LIFETIME, MAX_LIFETIME
from holo.common.text_field import PlainTextField
from holo.common.whole_number import WholeNumberField
from holo.identity.models import Organization, User
from holo.identity.selectors import organizations_of


class ApiKeyForm(forms.Form):
    """A key or token of the person who is logged in, or a token of the organisation.

    `token` makes a form that is sent twice make one key.
    """

    token = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)
    kind = forms.ChoiceField(label=_("Kind"), choices=ApiKey.Kind.choices, initial=ApiKey.Kind.KEY)
    name = PlainTextField(label=_("Name"), max_length=100, help_text=_("What uses this key."))
    organization = forms.ModelChoiceField(
        label=_("Organisation"), queryset=Organization.objects.none(), empty_label=None
    )
    scopes = forms.MultipleChoiceField(label=_("Scopes"), widget=forms.CheckboxSelectMultiple)
    days = WholeNumberField(
        label=_("Days"), min_value=1, max_value=MAX_LIFETIME.days, initial=DEFAULT_LIFETIME.days
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own = [organization.pk for organization in organizations_of(user)]
        choice = self.fields["organization"]
        assert isinstance(choice, forms.ModelChoiceField)
        choice.queryset = Organization.objects.filter(pk__in=own)
        scopes = self.fields["scopes"]
        assert isinstance(scopes, forms.MultipleChoiceField)
        scopes.choices = _choices(scopes_of_user(user))

    def lifetime(self) -> timedelta:
        """Return the life that was chosen."""
        return timedelta(days=self.cleaned_data["days"])


def _choices(held: Iterable[str]) -> list[tuple[str, str]]:
    return [(scope, f"{scope} · {SCOPES[scope]}") for scope in SCOPES if scope in held]


class AuthorizationForm(forms.Form):
    """For which organisation a program may act, or that it may not."""

    organization = forms.ModelChoiceField(
        label=_("Organisation"), queryset=Organization.objects.none(), empty_label=None
    )
    decision = forms.ChoiceField(choices=[("approve", ""), ("refuse", "")], widget=forms.HiddenInput)

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own = [organization.pk for organization in organizations_of(user)]
        choice = self.fields["organization"]
        assert isinstance(choice, forms.ModelChoiceField)
        choice.queryset = Organization.objects.filter(pk__in=own)
