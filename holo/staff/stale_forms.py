"""What becomes of a form whose token is older than the last log-in, in another tab for example."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.csrf import csrf_failure

from holo.common.kept_form import keep_form, keep_until_login
from holo.identity.language import switch_language
from holo.staff.middleware import has_pages_with_forms


def stale_form(request: HttpRequest, reason: str = "") -> HttpResponseBase:
    """Lead a person's own form back to its page, filled in and with a new token; refuse any other with 403.

    Nothing happens before the form is sent again. Django calls this where the proof against forged requests
    is missing or wrong (its setting CSRF_FAILURE_VIEW).
    """
    if request.path_info == reverse("set_language") and _is_from_own_page(request):
        # It only chooses what the person reads: no reason to ask twice.
        return switch_language(request)
    if not _is_own_form(request):
        return csrf_failure(request, reason=reason)
    if request.path_info == reverse("admin:logout"):
        text = _("Nothing was changed: the page was older than your log-in. Log out again.")
        messages.warning(request, text)
        return HttpResponseRedirect(reverse("admin:index"))
    page = request.get_full_path()
    if request.is_shared_browser:  # type: ignore[attr-defined]
        text = _(
            "Nothing was changed: the form may belong to somebody else who used this browser."
            " Fill in a new one."
        )
        messages.warning(request, text)
        # The page may take nothing but the form.
        return HttpResponseRedirect(reverse("admin:index"))
    if getattr(request, "staff_session_id", None) is None:
        keep_until_login(request)
        return HttpResponseRedirect(reverse("admin:login", query={"next": page}))
    if not keep_form(request):
        text = _("Nothing was changed: the form was too long to be kept. Fill it in again.")
        messages.warning(request, text)
    return HttpResponseRedirect(page)


def _is_own_form(request: HttpRequest) -> bool:
    """Tell whether a page of this host sent the form, and a person is known to use the browser."""
    return (
        _is_from_own_page(request)
        and bool(getattr(request, "person_mark", ""))
        and has_pages_with_forms(request.path_info)
        and not request.path_info.startswith(reverse("admin:login"))
    )


def _is_from_own_page(request: HttpRequest) -> bool:
    """Tell whether the browser says that a page of this host sent the form; no script can say so."""
    return request.headers.get("Sec-Fetch-Site") == "same-origin"
