"""Secrets in the admin: names without values; one is shown after a fresh code, for a reason, with a trace."""

import json
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_variables

from holo.common.admin import NUL, ReadOnlyAdmin, moment_text
from holo.common.errors import DomainError
from holo.common.kept_form import sent_form
from holo.common.reason import ReasonForm
from holo.common.step_up import step_up
from holo.common.throttles import count_sensitive
from holo.identity.staff import actor_of_user, person_of
from holo.secretstore.errors import SecretNotFoundError
from holo.secretstore.models import Secret
from holo.secretstore.selectors import find_revealable
from holo.secretstore.services import NOBODY, reveal_secret


@admin.register(Secret)
class SecretAdmin(ReadOnlyAdmin[Secret]):
    """The secrets of all places, for superusers alone; managers read variables by the API."""

    audit_subject = "secretstore.secret"
    list_display = ["name", "place", "version", "masked", "created_at", "deleted_at"]
    list_filter = ["organization"]
    list_select_related = ["organization", "project", "environment"]
    search_fields = ["name"]
    fields = ["name", "place", "masked", "versions_shown", "created_at", "deleted_at"]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Offer the page that shows the value, where there is one to show."""
        secret = context.get("original")
        can_reveal = secret is not None and find_revealable(secret.pk) is not None
        return super().render_change_form(request, {**context, "can_reveal": can_reveal}, *args, **kwargs)

    def has_view_permission(self, request: HttpRequest, obj: Secret | None = None) -> bool:
        """Let superusers alone know which secrets there are."""
        return bool(request.user.is_superuser)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Tell whether the list is worth a link."""
        return bool(request.user.is_superuser)

    @admin.display(description=gettext_lazy("place"))
    def place(self, secret: Secret) -> str:
        """Return where the secret is, by short names."""
        parts = (secret.organization, secret.project, secret.environment)
        return "/".join(part.slug for part in parts if part is not None) or _("the installation")

    @admin.display(description=gettext_lazy("value"))
    def masked(self, secret: Secret) -> str:
        """Return the same for every value: its length would tell something."""
        return "••••••••"

    @admin.display(description=gettext_lazy("versions"))
    def versions_shown(self, secret: Secret) -> str:
        """Return the numbers and times of the values that the secret has had."""
        versions = secret.versions.order_by("-number").values_list("number", "created_at")[:20]
        return ", ".join(f"{number} ({moment_text(moment)})" for number, moment in versions)

    def get_urls(self) -> list[URLPattern]:
        """Add the page that shows a value."""
        page = self.admin_site.admin_view(self._reveal)
        return [path("<id:object_id>/reveal/", page, name="secretstore_secret_reveal"), *super().get_urls()]

    @sensitive_variables()
    def _reveal(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Ask why, then show the value, this once."""
        if request.method not in ("GET", "HEAD", "POST"):
            return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
        if not self.has_view_permission(request):
            raise PermissionDenied
        secret = find_revealable(object_id)
        if secret is None:
            raise Http404
        asked = step_up(request)
        if asked is not None:
            return asked
        form = ReasonForm(sent_form(request))
        shown: dict[str, Any] = {}
        if request.method == "POST" and form.is_valid():
            try:
                count_sensitive(request.user.pk)
                shown = {"value": _revealed(request, secret, form.cleaned_data["reason"])}
            except SecretNotFoundError:
                raise Http404 from None
            except DomainError as error:
                form.add_error(None, error.message)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Reveal a secret"),
            "secret": secret,
            "place": self.place(secret),
            "form": form,
            **shown,
        }
        # No cache keeps it: `admin_view` says so for every page.
        return TemplateResponse(request, "secretstore/reveal.html", context)


@sensitive_variables()
def _revealed(request: HttpRequest, secret: Secret, reason: str) -> str:
    actor = actor_of_user(person_of(request), secret.organization_id or NOBODY)
    _secret, value = reveal_secret(actor=actor, secret_id=secret.pk, reason=reason)
    # A page can hold no NUL; what has one is shown as JSON.
    is_plain = isinstance(value, str) and NUL not in value
    return str(value) if is_plain else json.dumps(value, ensure_ascii=False, indent=2)
