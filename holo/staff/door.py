"""The pages of logging in: the password, then the code of the device, which is enrolled here if need be."""

import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth import login
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.crypto import constant_time_compare
from django.utils.safestring import mark_safe
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from holo.common.callers import client_address
from holo.common.errors import DomainError
from holo.common.kept_form import drop_lost_form
from holo.identity.models import User
from holo.staff.account import show_codes
from holo.staff.codes import address_of, plain, qr_svg
from holo.staff.forms import CodeForm
from holo.staff.middleware import SESSION_KEY
from holo.staff.services import (
    begin_enrolment,
    begin_session,
    confirm_enrolment,
    prove_second_factor,
    read_enrolment_secret,
)

# Where the browser's session keeps who has shown the password; nobody is logged in by that.
_HALF_WAY = "half_way"
_PATIENCE = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class HalfWay:
    """Somebody who has shown the password a short time ago. `factor_id` is of a device to be enrolled."""

    user: User
    next: str
    factor_id: UUID | None


class PasswordPage(LoginView):
    """Asks for e-mail address and password."""

    template_name = "admin/login.html"
    authentication_form = AdminAuthenticationForm

    def form_valid(self, form: Any) -> HttpResponse:
        """Remember who it is, and ask for the second factor."""
        user: User = form.get_user()
        try:
            factor_id = begin_enrolment(user_id=user.pk)
        except DomainError as error:
            form.add_error(None, error.message)
            return self.form_invalid(form)
        # Another id before anything is kept: who has planted one gets nowhere with it.
        self.request.session.cycle_key()
        self.request.session[_HALF_WAY] = {
            "user": str(user.pk),
            "password": user.get_session_auth_hash(),
            "until": time.time() + _PATIENCE,
            "next": self.get_success_url(),
            "factor": str(factor_id or ""),
        }
        return HttpResponseRedirect(reverse("admin:login_device" if factor_id else "admin:login_code"))


def _half_way(request: HttpRequest) -> HalfWay | None:
    kept = request.session.get(_HALF_WAY)
    if not kept or kept["until"] < time.time():
        return None
    user = User.objects.filter(pk=kept["user"], is_active=True, is_staff=True).first()
    if user is None or not constant_time_compare(user.get_session_auth_hash(), kept["password"]):
        return None
    return HalfWay(user=user, next=kept["next"], factor_id=UUID(kept["factor"]) if kept["factor"] else None)


# Exempt from the middleware's check, which would come before that of the method; checked here all the same.
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@csrf_protect
@sensitive_post_parameters("code")
@sensitive_variables()
def code_page(request: HttpRequest) -> HttpResponse:
    """Ask for the code of the person's device."""
    half_way = _half_way(request)
    if half_way is None or half_way.factor_id is not None:
        return HttpResponseRedirect(reverse("admin:login"))
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        address = client_address(request)
        if prove_second_factor(user=half_way.user, code=form.cleaned_data["code"], address=address):
            return HttpResponseRedirect(_let_in(request, half_way))
        form.refuse()
    return _page(request, "staff/code.html", title=_("Second factor"), form=form, person=half_way.user)


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@csrf_protect
@sensitive_post_parameters("code")
@sensitive_variables()
def enrolment_page(request: HttpRequest) -> HttpResponse:
    """Show the secret of a new device until the person shows its code; then lead to the recovery codes."""
    half_way = _half_way(request)
    if half_way is None or half_way.factor_id is None:
        return HttpResponseRedirect(reverse("admin:login"))
    user, factor_id = half_way.user, half_way.factor_id
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        code = plain(form.cleaned_data["code"])
        codes = confirm_enrolment(user=user, factor_id=factor_id, code=code, address=client_address(request))
        if codes is not None:
            return show_codes(request, codes, onward=_let_in(request, half_way))
        form.refuse()
    secret = read_enrolment_secret(user_id=user.pk, factor_id=factor_id)
    if secret is None:
        return HttpResponseRedirect(reverse("admin:login"))
    return _page(
        request,
        "staff/device.html",
        title=_("Set up your second factor"),
        form=form,
        person=user,
        # A QR code's SVG holds squares alone, whatever it encodes.
        qr=mark_safe(qr_svg(address_of(secret, user.email))),  # noqa: S308
        secret=" ".join(secret[at : at + 4] for at in range(0, len(secret), 4)),
    )


def _let_in(request: HttpRequest, half_way: HalfWay) -> str:
    """Log the person in, under another session id, with a row of its own; return where to go on."""
    user = half_way.user
    request.session.pop(_HALF_WAY, None)
    # A form that was kept for the log-in had shortened it.
    request.session.set_expiry(None)
    login(request, user, backend=settings.AUTHENTICATION_BACKENDS[0])
    agent = request.headers.get("User-Agent", "")
    session_id = begin_session(
        user=user, address=client_address(request), agent=agent, language=get_language() or ""
    )
    request.session[SESSION_KEY] = str(session_id)
    request.staff_session_id = session_id  # type: ignore[attr-defined]
    if drop_lost_form(request, user.pk):
        # The page of that form may take nothing but the form.
        messages.warning(request, _("A form was kept too long ago, or for somebody else. It was discarded."))
        return reverse("admin:index")
    return half_way.next


def _page(request: HttpRequest, template: str, **context: object) -> HttpResponse:
    return TemplateResponse(request, template, {**admin.site.each_context(request), **context})
