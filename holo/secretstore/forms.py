"""The form before a secret is shown."""

from django import forms
from django.utils.translation import gettext_lazy as _

SHORTEST_REASON, LONGEST_REASON = 10, 1000


class RevealForm(forms.Form):
    """Why somebody wants to see a value: a sentence that an auditor can read in a year."""

    reason = forms.CharField(
        label=_("Reason"),
        min_length=SHORTEST_REASON,
        max_length=LONGEST_REASON,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("At least 10 characters. It is kept in the audit trail and cannot be changed."),
    )
