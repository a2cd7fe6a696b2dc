"""What is written by the stock forms of the admin, people and rights, goes to the audit trail too.

Django's own log can be changed, and says which fields were changed but not to what. These rows are written in
the transaction of the change.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db import connection
from django.http import HttpRequest

from holo.audit.operations import record_audit
from holo.audit.services import record_change
from holo.common.actor import NOBODY
from holo.common.kept_form import is_secret_field
from holo.identity.models import Membership, Organization
from holo.identity.staff import actor_of_user, person_of

# Personal data, of which the trail says only that it was changed.
_PERSONAL = frozenset({"email", "name"})

if TYPE_CHECKING:
    _Admin = admin.ModelAdmin[Any]
else:
    _Admin = object


class AuditedForms(_Admin):
    """An admin whose additions, changes and deletions are rows of the audit trail, with before and after."""

    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> Any:
        """Note what the form changes, then say it as Django does."""
        request._audited = (form, formsets or ())  # type: ignore[attr-defined]
        return super().construct_change_message(request, form, formsets, add)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Write that a row was added."""
        self._record(request, obj, "added")
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Write what was changed."""
        self._record(request, obj, "changed")
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        """Write that rows are deleted."""
        for obj in queryset:
            if isinstance(obj, Membership):
                _record_member(request, obj, "identity.member_removed", {"role": obj.role})
            else:
                _write(request, obj, f"identity.{self.opts.model_name}_deleted", {})
        return super().log_deletions(request, queryset)

    def _record(self, request: HttpRequest, obj: Any, verb: str) -> None:
        form, formsets = request._audited  # type: ignore[attr-defined]
        if isinstance(obj, Membership):
            _record_membership(request, obj, form, is_new=verb == "added")
            return
        changes = _changes(form, personal=not isinstance(obj, Organization) and hasattr(obj, "email"))
        if changes or verb == "added":
            _write(request, obj, f"identity.{self.opts.model_name}_{verb}", changes)
        for formset in formsets:
            for inline in formset.forms:
                if inline.has_changed() and inline.instance.pk:
                    is_new = not inline.initial.get("organization")
                    _record_membership(request, inline.instance, inline, is_new=is_new)


def _changes(form: Any, *, personal: bool) -> dict[str, object]:
    """Return before and after of each changed field, without values of personal data and passwords."""
    found: dict[str, object] = {}
    for name in form.changed_data:
        if is_secret_field(name):
            found["password"] = "changed"
        elif personal and name in _PERSONAL:
            found[name] = "changed"
        else:
            before = form.initial.get(name)
            found[name] = {"before": _plain(before), "after": _plain(form.cleaned_data.get(name))}
    return found


def _plain(value: Any) -> object:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, Iterable):
        return sorted(str(one) for one in value)
    return str(value)


def _record_membership(request: HttpRequest, member: Membership, form: Any, *, is_new: bool) -> None:
    """Write a membership as the API does: about the person, in the organisation."""
    if is_new:
        _record_member(request, member, "identity.member_added", {"role": member.role})
    elif "role" in form.changed_data:
        role = {"before": form.initial["role"], "after": member.role}
        _record_member(request, member, "identity.role_changed", {"role": role})


def _record_member(request: HttpRequest, member: Membership, action: str, data: dict[str, object]) -> None:
    record_audit(
        actor=actor_of_user(person_of(request), member.organization_id),
        action=action,
        subject_type="identity.user",
        subject_id=member.user_id,
        data=data,
    )


def _write(request: HttpRequest, obj: Any, action: str, data: dict[str, object]) -> None:
    organization_id = obj.pk if isinstance(obj, Organization) else NOBODY
    # The page that changes a password is the one that Django wraps in no transaction.
    record = record_audit if connection.in_atomic_block else record_change
    record(
        actor=actor_of_user(person_of(request), organization_id),
        action=action,
        subject_type=f"identity.{obj._meta.model_name}",
        subject_id=str(obj.pk),
        data=data,
    )
