"""Asks for a fresh second factor before what must not be done by whoever finds a browser open.

Knows no sessions: `holo/staff/` tells each request whether its second factor is fresh, and has the page that
asks for a code and leads back.
"""

from typing import Any, TypeVar
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _

from holo.common.kept_form import keep_form

M = TypeVar("M", bound=Model)


def is_fresh(request: HttpRequest) -> bool:
    """Tell whether the person has shown a code a short time ago."""
    return bool(getattr(request, "second_factor_is_fresh", False))


def page_of_step_up(back: str) -> str:
    """Return the address of the page that asks for a code and then leads to `back`."""
    return f"{reverse('admin:step_up')}?{urlencode({'next': back})}"


def step_up(request: HttpRequest, *, back: str = "", form: QueryDict | None = None) -> HttpResponse | None:
    """Return the way to the page that asks for a code; None while the second factor is fresh.

    `back` is the page with the form, where this address only takes a POST; `form` what it is filled with,
    where that is not what was sent. The form is kept for that page.
    """
    if is_fresh(request):
        return None
    back = back or request.get_full_path()
    if request.method == "POST" or form is not None:
        keep_form(request, page=back, form=form)
        messages.warning(request, _("Nothing was changed yet: show a code, then send the form again."))
    return HttpResponseRedirect(page_of_step_up(back))


class StepUpAdmin(admin.ModelAdmin[M]):
    """An admin whose forms ask for a fresh second factor, before and after they are filled in."""

    # The stock action deletes what is chosen without a form of ours.
    actions = None

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show or take the form of a row."""
        writes = self.has_change_permission(request) if object_id else self.has_add_permission(request)
        asked = step_up(request) if writes or request.method == "POST" else None
        return asked or super().changeform_view(request, object_id, form_url, extra_context)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show or take the question whether a row is to be deleted."""
        asked = step_up(request) if self.has_delete_permission(request) else None
        return asked or super().delete_view(request, object_id, extra_context)
