"""The page on which a person approves or refuses a login from the command line."""

from uuid import UUID

from django.contrib import admin
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods

from holo.apiauth.errors import CodeOverError
from holo.apiauth.forms import AuthorizationForm
from holo.apiauth.models import AuthorizationCode
from holo.apiauth.operations import DEFAULT_LIFETIME
from holo.apiauth.scopes import SCOPES, scopes_of_user
from holo.apiauth.selectors import find_open_code, find_own_decision
from holo.apiauth.services import decide_authorization_code
from holo.common.errors import DomainError
from holo.common.kept_form import keep_until_login, sent_form
from holo.common.step_up import step_up
from holo.identity.models import User
from holo.identity.staff import actor_of_user, person_of


# Exempt from the middleware's check, which would come before that of the method; checked here all the same.
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@csrf_protect
def authorization_page(request: HttpRequest, code_id: UUID) -> HttpResponse:
    """Show which program asks for what, and take the decision of the person who is logged in.

    Whoever is not is sent to the admin's login, the one door with all its locks.
    """
    if not admin.site.has_permission(request):
        if request.method == "POST":
            keep_until_login(request)
        return redirect_to_login(request.get_full_path(), reverse("admin:login"))
    code = find_open_code(code_id)
    if code is None:
        return _decided(request, code_id)
    asked = step_up(request)
    if asked is not None:
        return asked
    person = person_of(request)
    form = AuthorizationForm(sent_form(request), user=person)
    if request.method == "POST" and form.is_valid():
        try:
            decide_authorization_code(
                actor=actor_of_user(person, form.cleaned_data["organization"].pk),
                code_id=code_id,
                approve=form.cleaned_data["decision"] == "approve",
            )
        except CodeOverError:
            return _decided(request, code_id)
        except DomainError as error:
            form.add_error(None, error.message)
        else:
            return _decided(request, code_id)
    # One address of IPv4 is kept as the network of one; that of IPv6 is one.
    address = code.address.removesuffix("/32")
    context = {
        "code": code,
        "form": form,
        "scopes": _shown(code.scopes, person),
        "address": address,
        "days": DEFAULT_LIFETIME.days,
    }
    return TemplateResponse(request, "apiauth/code.html", context)


def _decided(request: HttpRequest, code_id: UUID) -> HttpResponse:
    """Show a person what they decided, after a second click or a reload too; 404 where that was not they."""
    code = find_own_decision(code_id, person_of(request).pk)
    if code is None:
        return TemplateResponse(request, "apiauth/code_over.html", status=404)
    approved = code.state != AuthorizationCode.State.REFUSED
    return TemplateResponse(request, "apiauth/code_decided.html", {"code": code, "approved": approved})


def _shown(wanted: list[str], person: User) -> list[tuple[str, object]]:
    """Return what the token would be able to do, in words; what the person lacks is left out."""
    held = scopes_of_user(person)
    return [(scope, SCOPES[scope]) for scope in wanted if scope in held and scope in SCOPES]
