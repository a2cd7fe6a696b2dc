"""The form that asks why, before what somebody will have to answer for."""

from django import forms
from django.utils.translation import gettext_lazy as _

from holo.common.text_field import PlainTextField

_SHORTEST, _LONGEST = 10, 1000


class ReasonForm(forms.Form):
    """Why: a sentence that an auditor can read in a year."""

    reason = PlainTextField(
        label=_("Reason"),
        min_length=_SHORTEST,
        max_length=_LONGEST,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("At least 10 characters. It is kept, and cannot be changed."),
    )
