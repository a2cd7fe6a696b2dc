"""The language switch of the admin, which is remembered for the person's mail."""

from django.http import HttpRequest, HttpResponseBase
from django.views.i18n import set_language

from holo.identity.models import User
from holo.identity.services import choose_language


def switch_language(request: HttpRequest) -> HttpResponseBase:
    """Switch the language of the browser as Django does; note it for whoever is logged in."""
    response = set_language(request)
    if request.method == "POST" and isinstance(request.user, User):
        choose_language(user_id=request.user.pk, language=request.POST.get("language", ""))
    return response
