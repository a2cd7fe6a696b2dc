"""The pages of who is logged in: show a code again, see and end the own sessions, make recovery codes.

What is made is shown by another page than the one that made it, so that reloading makes nothing.
"""

from uuid import UUID

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from holo.common.callers import client_address
from holo.common.shown_once import show_once, taken_once
from holo.common.step_up import step_up
from holo.identity.staff import person_of
from holo.staff.forms import CodeForm
from holo.staff.selectors import count_recovery_codes, list_sessions
from holo.staff.services import end_other_sessions, end_session, prove_again, renew_recovery_codes


@sensitive_post_parameters("code")
@sensitive_variables()
def step_up_page(request: HttpRequest) -> HttpResponse:
    """Ask for a code once more, then lead back to the page that needs it."""
    back = _own_address(request, request.GET.get("next", ""))
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        shown = prove_again(
            user=person_of(request),
            session_id=_session_id(request),
            code=form.cleaned_data["code"],
            address=client_address(request),
        )
        if shown:
            return HttpResponseRedirect(back)
        form.refuse()
    return _page(request, "staff/step_up.html", title=_("Show a code"), form=form, back=back)


def account_page(request: HttpRequest) -> HttpResponse:
    """Show the own sessions and end them."""
    if request.method == "POST":
        return _changed(request)
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    person = person_of(request)
    return _page(
        request,
        "staff/account.html",
        title=_("Your log-ins"),
        sessions=list_sessions(person.pk),
        present=_session_id(request),
        codes_left=count_recovery_codes(person.pk),
    )


def _changed(request: HttpRequest) -> HttpResponse:
    person, present = person_of(request), _session_id(request)
    what = request.POST.get("do", "")
    if what == "end_others":
        end_other_sessions(user=person, session_id=present)
        messages.success(request, _("All other sessions were ended."))
    elif what == "end":
        session_id = _uuid(request.POST.get("session", ""))
        if session_id is not None and end_session(user=person, session_id=session_id):
            messages.success(request, _("The session was ended."))
    return HttpResponseRedirect(reverse("admin:account"))


@sensitive_variables()
def recovery_codes_page(request: HttpRequest) -> HttpResponse:
    """Ask whether to replace the recovery codes; make new ones and lead to the page that shows them."""
    if request.method not in ("GET", "HEAD", "POST"):
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    asked = step_up(request)
    if asked is not None:
        return asked
    person = person_of(request)
    if request.method == "POST":
        codes = renew_recovery_codes(user=person, address=client_address(request))
        return show_codes(request, codes or [], onward=reverse("admin:account"))
    return _page(
        request,
        "staff/new_recovery_codes.html",
        title=_("Make new recovery codes"),
        codes_left=count_recovery_codes(person.pk),
    )


@sensitive_variables()
def show_codes(request: HttpRequest, codes: list[str], *, onward: str) -> HttpResponse:
    """Lead to the page that shows new recovery codes, once, and from there to `onward`."""
    return show_once(request, reverse("admin:recovery_codes_shown"), {"codes": codes, "next": onward})


@sensitive_variables()
def shown_codes_page(request: HttpRequest) -> HttpResponse:
    """Show the recovery codes that were just made, this once."""
    values = taken_once(request) or {}
    return _page(
        request,
        "staff/recovery_codes.html",
        title=_("Recovery codes"),
        codes=values.get("codes"),
        next=values.get("next") or reverse("admin:account"),
    )


def end_present_session(request: HttpRequest) -> None:
    """End the session of this browser."""
    end_session(user=person_of(request), session_id=_session_id(request))


def _session_id(request: HttpRequest) -> UUID:
    found: UUID = request.staff_session_id  # type: ignore[attr-defined]
    return found


def _own_address(request: HttpRequest, wanted: str) -> str:
    """Return where to go on; the start page where somebody else's address was put in."""
    hosts = {request.get_host()}
    if url_has_allowed_host_and_scheme(wanted, allowed_hosts=hosts, require_https=request.is_secure()):
        return wanted
    return reverse("admin:index")


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _page(request: HttpRequest, template: str, **context: object) -> HttpResponse:
    return TemplateResponse(request, template, {**admin.site.each_context(request), **context})
