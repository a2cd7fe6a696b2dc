"""What people do with keys in the admin: revoke them, or replace one by a new one that is shown once."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from holo.apiauth.errors import KeyEndedError
from holo.apiauth.models import ApiKey
from holo.apiauth.selectors import has_just_replaced
from holo.apiauth.services import revoke_api_key, rotate_api_key
from holo.common.actor import Actor
from holo.common.admin_command import AdminCommand, Text
from holo.common.shown_once import show_once
from holo.common.throttles import count_sensitive
from holo.identity.staff import actor_of_user, person_of


class RevokeKeys(AdminCommand[ApiKey]):
    """End keys for good."""

    name = "revoke"
    label = gettext_lazy("Revoke the chosen keys")
    title = gettext_lazy("Revoke API keys")
    explanation = gettext_lazy("Whatever uses these keys is refused at once. This cannot be undone.")
    tone = "danger"
    template = "apiauth/key_item.html"

    def allowed(self, request: HttpRequest) -> bool:
        """Tell whether the person may revoke keys."""
        return request.user.has_perm("apiauth.change_apikey")

    def obstacle(self, request: HttpRequest, row: ApiKey) -> Text:
        """Say that a key was revoked before."""
        return _("This key is revoked already.") if row.revoked_at is not None else ""

    def run(self, request: HttpRequest, row: ApiKey, *, token: str, data: dict[str, Any]) -> str:
        """Revoke one key. A key that was revoked before stays as it is."""
        revoke_api_key(actor=_actor(request, row.organization_id), key_id=row.pk)
        return _("The key was revoked.")


class ReplaceKey(AdminCommand[ApiKey]):
    """Make a new key in the place of one, which works for a day more."""

    name = "rotate"
    label = gettext_lazy("Replace the chosen key")
    title = gettext_lazy("Replace an API key")
    explanation = gettext_lazy("The new key is shown once. The old one works for a day more.")
    needs_step_up = True
    most_rows = 1
    template = "apiauth/key_item.html"

    def allowed(self, request: HttpRequest) -> bool:
        """Tell whether the person may make keys."""
        return request.user.has_perm("apiauth.add_apikey")

    def obstacle(self, request: HttpRequest, row: ApiKey) -> Text:
        """Say that a key does not take part any more."""
        return _("This key was revoked or replaced already.") if row.revoked_at or row.replaced_by_id else ""

    def run(self, request: HttpRequest, row: ApiKey, *, token: str, data: dict[str, Any]) -> str:
        """Replace one key; `onward` leads to the page that shows the new one."""
        count_sensitive(request.user.pk)
        actor = _actor(request, row.organization_id)
        try:
            key, text = rotate_api_key(actor=actor, key_id=row.pk)
        except KeyEndedError:
            request._is_second_click = has_just_replaced(actor, row.pk)  # type: ignore[attr-defined]
            raise
        request._new_key = (key, text)  # type: ignore[attr-defined]
        return _("The key was replaced.")

    def onward(self, request: HttpRequest) -> HttpResponse | None:
        """Lead to the page that shows the new key; after a second click too: its answer is what is seen."""
        if getattr(request, "_is_second_click", False):
            return HttpResponseRedirect(reverse("admin:apiauth_apikey_shown"))
        made = getattr(request, "_new_key", None)
        return show_key(request, *made) if made is not None else None


def show_key(request: HttpRequest, key: ApiKey, text: str) -> HttpResponse:
    """Lead to the page that shows a new key, once."""
    values: dict[str, object] = {"text": text, "expires_at": key.expires_at.isoformat()}
    return show_once(request, reverse("admin:apiauth_apikey_shown"), values)


def _actor(request: HttpRequest, organization_id: UUID) -> Actor:
    return actor_of_user(person_of(request), organization_id)
