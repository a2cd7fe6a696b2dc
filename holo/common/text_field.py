"""Fields for texts that people type: the characters of `characters.py`, as in every other place."""

from typing import Any

from django import forms

from holo.common.characters import describe_unfit, normal, normal_email


class PlainTextField(forms.CharField):
    """A text in normal form. A name or a sentence has `joiners`, an identifier has none."""

    def __init__(self, *, joiners: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._joiners = joiners

    def to_python(self, value: Any) -> Any:
        """Return the text; blanks around it go. Raises ValidationError for a character it may not have."""
        if value in self.empty_values:
            return super().to_python(value)
        lines = isinstance(self.widget, forms.Textarea)
        raw = str(value).strip(" \t\r\n\u3000\u00a0") if self.strip else str(value)
        unfit = describe_unfit(raw, joiners=self._joiners, lines=lines)
        if unfit:
            raise forms.ValidationError(unfit, code="invalid_text")
        return super().to_python(normal(raw))


class AddressField(forms.EmailField):
    """An e-mail address in the form in which the database knows it."""

    def to_python(self, value: Any) -> Any:
        """Return the address in lower case. Raises ValidationError for a character it may not have."""
        unfit = describe_unfit(str(value or "").strip())
        if unfit:
            raise forms.ValidationError(unfit, code="invalid_text")
        return super().to_python(normal_email(str(value or "")))
