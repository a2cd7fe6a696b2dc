"""Change forms of the admin: one person at a time, and nobody saves over what somebody else stored."""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, connection
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from holo.common.db import (
    DEADLOCK_DETECTED,
    FOREIGN_KEY_VIOLATION,
    LOCK_NOT_AVAILABLE,
    SERIALIZATION_FAILURE,
    UNIQUE_VIOLATION,
    limit_waits,
    sqlstate,
)
from holo.common.kept_form import keep_form
from holo.common.locks import lock_row
from holo.common.shown_values import SHOWN, ShownValues

M = TypeVar("M", bound=Model)
# Others were faster: they took the same name or a lock, deleted what was chosen, or chose what is deleted.
# The form is looked at again and says so.
_AGAIN = (UNIQUE_VIOLATION, FOREIGN_KEY_VIOLATION, DEADLOCK_DETECTED, SERIALIZATION_FAILURE)
_MAX_ATTEMPTS = 3


class GuardedFormAdmin(admin.ModelAdmin[M]):
    """Rows whose change form carries what it showed, and is compared with the row under its lock.

    Any admin with a form that changes rows has this; inlines take `ShownValues` into their form's class. The
    form of a new row that somebody adds at the same time is an error of the form, not of the server.
    """

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show or take the form; look at it again where somebody else was faster."""
        view = partial(super().changeform_view, request, object_id, form_url, extra_context)
        return tried_again(request, view)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show or take the question whether a row is to be deleted; say why one is kept."""
        try:
            return tried_again(request, partial(super().delete_view, request, object_id, extra_context))
        except PermissionDenied:
            reason = self._why_kept(request, object_id)
            if not reason:
                raise
            self.message_user(request, reason, messages.ERROR)
            page = f"{self.admin_site.name}:{self.opts.app_label}_{self.opts.model_name}_change"
            return HttpResponseRedirect(reverse(page, args=[object_id]))

    def _changeform_view(self, request: HttpRequest, *args: Any) -> HttpResponse:
        """Django's, in the transaction that it has opened for what is sent."""
        _limit_waits(request)
        page: HttpResponse = super()._changeform_view(request, *args)  # type: ignore[misc]  # not in the stubs
        return page

    def _delete_view(self, request: HttpRequest, *args: Any) -> HttpResponse:
        """Django's, in the same way."""
        _limit_waits(request)
        page: HttpResponse = super()._delete_view(request, *args)  # type: ignore[misc]  # not in the stubs
        return page

    def _why_kept(self, request: HttpRequest, object_id: str) -> str:
        if not self.has_delete_permission(request):
            return ""
        row = self.get_object(request, unquote(object_id))
        return self.why_kept(row) if row is not None else ""

    def why_kept(self, row: M) -> str:
        """Return why this row is not deleted although others like it may be; nothing for the others."""
        return ""

    def has_delete_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        """Refuse to delete a row that is kept."""
        allowed = super().has_delete_permission(request, obj)
        return allowed and (obj is None or not self.why_kept(obj))

    def lock_for_change(self, request: HttpRequest, object_id: str) -> None:
        """Lock what the form changes, before it is read. Django has opened the transaction."""
        lock_row(self.model, object_id)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> M | None:
        """Return the row of a form; locked where the form is sent."""
        if _is_sent_form(request):
            self.lock_for_change(request, object_id)
        return super().get_object(request, object_id, from_field)

    def get_form(
        self, request: HttpRequest, obj: M | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """Return the form's class; that of an existing row carries what it showed."""
        if obj is not None and self.has_change_permission(request, obj):
            base = cast(type[forms.Form], kwargs.get("form") or self.form)
            if not issubclass(base, ShownValues):
                kwargs["form"] = type(base.__name__, (ShownValues, base), {})
        return super().get_form(request, obj, change=change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: M | None = None) -> Any:
        """Put the hidden field into the first group of fields."""
        groups = [(title, dict(options)) for title, options in super().get_fieldsets(request, obj)]
        if obj is not None and self.has_change_permission(request, obj):
            first = groups[0][1]
            names: Any = first["fields"]
            first["fields"] = [*(name for name in names if name != SHOWN), SHOWN]
        return groups


def tried_again(request: HttpRequest, view: Callable[[], HttpResponse]) -> HttpResponse:
    """Return the page; look at the form again where somebody else was faster."""
    said: list[Any] = getattr(messages.get_messages(request), "_queued_messages", [])
    before = len(said)
    for attempt in range(1, _MAX_ATTEMPTS + 1):
        try:
            return view()
        except DatabaseError as error:
            # Some constraints are checked by COMMIT, after the page has said that all is well.
            del said[before:]
            state = sqlstate(error)
            if state == LOCK_NOT_AVAILABLE and request.method == "POST":
                return _held_up(request)
            if state not in _AGAIN or attempt == _MAX_ATTEMPTS:
                raise
    raise AssertionError("unreachable")


def _held_up(request: HttpRequest) -> HttpResponse:
    """Lead back to the form, filled in: somebody else holds the row for longer than a page may wait."""
    text = _(
        "Nothing was changed: somebody else is changing the same thing. Send the form again in a moment."
    )
    if not keep_form(request):
        text = _("Nothing was changed: somebody else is changing the same thing. Fill in the form again.")
    messages.warning(request, text)
    return HttpResponseRedirect(request.get_full_path())


def _limit_waits(request: HttpRequest) -> None:
    if _is_sent_form(request):
        limit_waits()


def _is_sent_form(request: HttpRequest) -> bool:
    return request.method == "POST" and connection.in_atomic_block
