"""Forms that carry the values they showed, so that nobody saves over what somebody else stored meanwhile.

A hidden field holds each editable value as the form showed it. When the form comes back and the row has other
values by then, nothing is saved: the form is shown again with both values, field by field, and with the row's
present ones in its hidden field. Sent again, it is saved. A form without the field counts as out of date.
"""

import json
from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.translation import gettext as _

SHOWN = "shown_values"
Values = dict[str, list[str]]


class ShownField(forms.CharField):
    """The hidden field; no change of it is a change of the row."""

    widget = forms.HiddenInput

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Return False."""
        return False


class ShownValues(forms.Form):
    """To be put before the class of a form that changes what exists; `initial` is what is stored."""

    shown_values = ShownField(required=False, label="")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.stored = stored_values(self)
        self.initial = {**self.initial, SHOWN: json.dumps(self.stored)}

    def full_clean(self) -> None:
        """Compare what was shown with what is stored, after everything else was looked at."""
        super().full_clean()
        getattr(self, "cleaned_data", {}).pop(SHOWN, None)
        instance = getattr(self, "instance", None)
        is_new = instance is not None and instance._state.adding
        if self.is_bound and not is_new and not _is_deleted(self):
            _refuse_stale(self)


def stored_values(form: forms.Form) -> Values:
    """Return the values of a form's editable fields as its `initial` has them."""
    return {
        name: _as_texts(field, form.get_initial_for_field(field, name))
        for name, field in form.fields.items()
        if name != SHOWN and not field.disabled
    }


def _is_deleted(form: forms.Form) -> bool:
    return bool(getattr(form, "cleaned_data", {}).get("DELETE"))


def _as_texts(field: forms.Field, value: Any) -> list[str]:
    """Return a value in one form, whether it comes from a row, from a form or was cleaned."""
    prepared = field.prepare_value(value)
    if isinstance(prepared, list | tuple | set):
        return sorted(map(str, prepared))
    return [] if prepared in (None, "") else [str(prepared)]


def _refuse_stale(form: ShownValues) -> None:
    shown = _read(form)
    data = form.data.copy()  # type: ignore[attr-defined]  # what is sent is a QueryDict
    is_stale = False
    for name, stored in form.stored.items():
        mine = _as_texts(form.fields[name], _sent(form, name))
        if shown.get(name) == stored or mine == stored:
            continue
        is_stale = True
        if mine == shown.get(name):
            _put(data, form, name)
            text = _("Meanwhile somebody changed this from %(mine)s to %(stored)s; that is taken over here.")
        else:
            text = _("You entered %(mine)s; meanwhile somebody stored %(stored)s.")
        both = {"mine": _label(form, name, mine), "stored": _label(form, name, stored)}
        form.add_error(name, text % both)
    if is_stale:
        data[form.add_prefix(SHOWN)] = json.dumps(form.stored)
        form.data = data
        form.add_error(None, _conflict())


def _conflict() -> str:
    text = _("Nothing was saved: this was changed while the form was open. Save again to store what it says.")
    return format_html('{} <a href="?">{}</a>', text, _("Discard my changes and show what is stored"))


def _read(form: forms.Form) -> dict[str, Any]:
    try:
        shown = json.loads(form.data.get(form.add_prefix(SHOWN), ""))
    except (ValueError, RecursionError):
        return {}
    return shown if isinstance(shown, dict) else {}


def _sent(form: forms.Form, name: str) -> Any:
    """Return what was sent for a field: cleaned, or as it came where it is wrong."""
    if name in form.cleaned_data:
        return form.cleaned_data[name]
    widget = form.fields[name].widget
    return widget.value_from_datadict(form.data, form.files, form.add_prefix(name))


def _put(data: Any, form: forms.Form, name: str) -> None:
    """Let the form show what is stored in a field that the person left alone."""
    key, stored = form.add_prefix(name), form.initial.get(name)
    prepared = form.fields[name].prepare_value(stored)
    if isinstance(prepared, list | tuple | set):
        data.setlist(key, [str(value) for value in prepared])
    elif prepared is False:
        data.pop(key, None)
    else:
        data[key] = "on" if prepared is True else "" if prepared is None else str(prepared)


def _label(form: forms.Form, name: str, values: Iterable[str]) -> str:
    """Return values as a person knows them."""
    field = form.fields[name]
    if isinstance(field, forms.BooleanField):
        return str(_("yes") if list(values) == ["True"] else _("no"))
    names: dict[str, str | Promise] = {}
    if isinstance(field, forms.ModelChoiceField):
        assert field.queryset is not None
        found = field.queryset.filter(pk__in=[value for value in values if _is_key(field, value)])
        names = {str(field.prepare_value(row)): field.label_from_instance(row) for row in found}
    elif isinstance(field, forms.ChoiceField):
        choices: Any = field.choices
        names = {str(value): label for value, label in choices}
    return ", ".join(f"“{names.get(value, value)}”" for value in values) or str(_("nothing"))


def _is_key(field: forms.ModelChoiceField[Any], value: str) -> bool:
    assert field.queryset is not None
    try:
        field.queryset.model._meta.pk.to_python(value)
    except forms.ValidationError:
        return False
    return True
