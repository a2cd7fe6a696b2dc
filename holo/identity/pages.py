"""The page behind the link of an invitation; the one page that asks nobody to be logged in."""

from typing import Any

from django import forms
from django.contrib.auth.hashers import make_password
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from holo.common.actor import UserId
from holo.common.errors import DomainError
from holo.common.fence import fence_of_request
from holo.identity.errors import InvitationOverError
from holo.identity.forms import KnownPersonForm, NewPersonForm
from holo.identity.issuers import invitation_stands
from holo.identity.models import Membership
from holo.identity.selectors import find_invitation, find_invited
from holo.identity.services import accept_invitation


# Exempt from the middleware's check, which would come before that of the method; checked here all the same.
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@csrf_protect
@sensitive_post_parameters()
@sensitive_variables()
# The link says whose rows are meant, not who is logged in meanwhile: somebody of another organisation.
@fence_of_request()
def invitation_page(request: HttpRequest, token: str) -> HttpResponse:
    """Show what the invitation is for, and take the password that accepts it.

    404 where the link leads nowhere, whatever the reason.
    """
    invitation = find_invitation(token)
    if invitation is None or not invitation_stands(invitation):
        return _over(request)
    person = find_invited(invitation)
    if person is not None and person.is_unclaimed:
        person = None
    form: KnownPersonForm | NewPersonForm
    if person is not None:
        form = KnownPersonForm(request.POST or None, request=request, person=person)
    else:
        form = NewPersonForm(request.POST or None, email=invitation.email)
    if request.method == "POST" and form.is_valid():
        try:
            member = _accept(token, form)
        except InvitationOverError:
            return _over(request)
        except DomainError as error:
            form.add_error(None, error.message)
        else:
            return TemplateResponse(request, "identity/invitation_accepted.html", {"member": member})
    context: dict[str, Any] = {"invitation": invitation, "form": form, "known": person is not None}
    return TemplateResponse(request, "identity/invitation.html", context)


@sensitive_variables()
def _accept(token: str, form: forms.Form) -> Membership:
    if isinstance(form, KnownPersonForm):
        return accept_invitation(token=token, person_id=UserId(form.person.pk))
    return accept_invitation(
        token=token,
        name=form.cleaned_data["name"],
        # Here and not in the command: hashing is slow on purpose, and the command holds a lock.
        password_hash=make_password(form.cleaned_data["new_password1"]),
    )


def _over(request: HttpRequest) -> HttpResponse:
    return TemplateResponse(request, "identity/invitation_over.html", status=404)
