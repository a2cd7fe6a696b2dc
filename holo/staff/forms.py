"""Forms of getting in."""

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class CodeForm(forms.Form):
    """A code of the device, or a recovery code."""

    code = forms.CharField(
        label=pgettext_lazy("second factor", "Code"),
        max_length=40,
        widget=forms.TextInput(
            attrs={
                "autocomplete": "one-time-code",
                "autofocus": True,
                "autocapitalize": "none",
                "spellcheck": "false",
            }
        ),
    )

    def refuse(self) -> None:
        """Say that the code was not taken, and not why."""
        self.add_error(
            "code",
            _("The code is wrong or was used before, or there were too many attempts. Wait for the next."),
        )
        # Nobody wants to correct it.
        self.data = {}
