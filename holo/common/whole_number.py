"""A field for whole numbers that are typed by people."""

import re
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

_DIGITS = re.compile(r"-?[0-9]{1,18}", re.ASCII)


class WholeNumberField(forms.IntegerField):
    """Digits alone, perhaps with a minus before them.

    Django's own field guesses: `1.000` is one to it, though half of the world writes a thousand so, and
    `1_000` or `１２` are numbers because Python reads them.
    """

    default_error_messages = {"invalid": _("Enter digits alone, such as 1000.")}

    def to_python(self, value: Any) -> int | None:
        """Return the number; None for an empty text. Raises ValidationError."""
        text = str(value).strip() if value is not None else ""
        if text and not _DIGITS.fullmatch(text):
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid")
        return super().to_python(text)
