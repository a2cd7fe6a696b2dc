"""API keys in the admin: made for oneself, shown once, revoked; never changed, never deleted."""

import hashlib
import json
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_variables

from holo.apiauth.forms import ApiKeyForm
from holo.apiauth.key_commands import ReplaceKey, RevokeKeys, show_key
from holo.apiauth.models import ApiKey
from holo.apiauth.services import create_api_key
from holo.common.actor import Actor, OrganizationId, UserId
from holo.common.admin import badge
from holo.common.admin_commands import CommandAdmin
from holo.common.errors import DomainError
from holo.common.kept_form import sent_form
from holo.common.shown_once import taken_once
from holo.common.step_up import step_up
from holo.common.throttles import count_sensitive
from holo.idempotency.commands import Answer, Replayed, RequestKey
from holo.identity.models import User
from holo.identity.selectors import managed_organization_ids, organization_ids_of
from holo.identity.staff import OWN_ORGANIZATIONS


@admin.register(ApiKey)
class ApiKeyAdmin(CommandAdmin[ApiKey]):
    """The keys of one's organisations."""

    audit_subject = "apiauth.apikey"
    list_display = [
        "prefix",
        "kind",
        "name",
        "owner",
        "organization",
        "environment",
        "scope_list",
        "state",
        "expires_at",
        "last_used_at",
    ]
    list_filter = [OWN_ORGANIZATIONS, "kind"]
    list_select_related = ["owner", "organization", "environment"]
    search_fields = ["prefix", "name", "owner__email"]
    fields = [
        "prefix",
        "kind",
        "name",
        "owner",
        "organization",
        "environment",
        "scope_list",
        "network_list",
        "state",
        "replaced_by",
        "created_at",
        "expires_at",
        "last_used_at",
        "revoked_at",
    ]
    commands = (ReplaceKey(), RevokeKeys())

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiKey]:
        """Return one's own keys, and the tokens of organisations that one manages; all for superusers."""
        user = _person(request)
        keys = super().get_queryset(request).filter(organization_id__in=organization_ids_of(user))
        managed = Q(kind=ApiKey.Kind.ORGANIZATION, organization_id__in=managed_organization_ids(user))
        return keys if user.is_superuser else keys.filter(Q(owner=user) | managed)

    @admin.display(description=_("scopes"))
    def scope_list(self, key: ApiKey) -> str:
        """Return the scopes as text."""
        return ", ".join(key.scopes)

    @admin.display(description=_("works from"))
    def network_list(self, key: ApiKey) -> str:
        """Return the networks as text."""
        return ", ".join(key.networks) or str(_("anywhere"))

    @admin.display(description=_("state"))
    def state(self, key: ApiKey) -> str:
        """Return whether the key works."""
        if key.revoked_at is not None:
            return badge(_("revoked"), "bad")
        if key.expires_at <= timezone.now():
            return badge(_("expired"), "neutral")
        if key.replaced_by_id is not None:
            return badge(_("replaced, works on"), "warn")
        return badge(pgettext_lazy("key", "active"), "good")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Tell whether the person may make keys."""
        return request.user.has_perm("apiauth.add_apikey")

    @method_decorator(csrf_protect)
    @method_decorator(never_cache)
    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Make a key and lead to the page that shows it.

        The stock view is not used: it would hold a transaction.
        """
        if not self.has_add_permission(request):
            raise PermissionDenied
        asked = step_up(request)
        if asked is not None:
            return asked
        form = ApiKeyForm(sent_form(request), user=_person(request))
        if request.method == "POST" and form.is_valid():
            try:
                key, text = _make(request, form)
            except Replayed:
                # A second click: its page shows what the first one made.
                return HttpResponseRedirect(reverse("admin:apiauth_apikey_shown"))
            except DomainError as error:
                form.add_error(None, error.message)
            else:
                return show_key(request, key, text)
        return self._key_page(request, "apiauth/key_form.html", {"form": form})

    def _key_page(self, request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
        shared = {**self.admin_site.each_context(request), "opts": self.opts, "title": _("Make an API key")}
        return TemplateResponse(request, template, {**shared, **context})

    def get_urls(self) -> list[URLPattern]:
        """Add the page that shows a new key."""
        page = self.admin_site.admin_view(self._shown)
        return [path("shown/", page, name="apiauth_apikey_shown"), *super().get_urls()]

    @method_decorator(sensitive_variables())
    def _shown(self, request: HttpRequest) -> HttpResponse:
        """Show the key that was just made, this once."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        values = taken_once(request) or {}
        expires = parse_datetime(str(values.get("expires_at", "")))
        context = {"text": values.get("text"), "expires_at": expires}
        return self._key_page(request, "apiauth/key_created.html", {**context, "title": _("A new API key")})


def _make(request: HttpRequest, form: ApiKeyForm) -> tuple[ApiKey, str]:
    count_sensitive(request.user.pk)
    organization_id = form.cleaned_data["organization"].pk
    actor = _actor(request, organization_id)
    kind = ApiKey.Kind(form.cleaned_data["kind"])
    return create_api_key(
        actor=actor,
        kind=kind,
        owner_id=None if kind == ApiKey.Kind.ORGANIZATION else actor.person,
        organization_id=organization_id,
        name=form.cleaned_data["name"],
        scopes=form.cleaned_data["scopes"],
        expires_in=form.lifetime(),
        request_key=_once(request, form),
    )


def _once(request: HttpRequest, form: ApiKeyForm) -> RequestKey:
    """Return what lets a form make one key however often it is sent; a refused one may be mended and sent."""
    wish = {name: str(value) for name, value in form.cleaned_data.items()}
    content = json.dumps(wish, sort_keys=True)
    # The key itself is nowhere in the record.
    return RequestKey(
        scope=f"admin:{request.user.pk}:create_api_key",
        key=f"{wish['token']}:{hashlib.sha256(content.encode()).hexdigest()}",
        content=content,
        render=lambda _made: Answer(status=200, body=b""),
        render_error=lambda error: Answer(status=error.status, body=error.message.encode()),
    )


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


def _actor(request: HttpRequest, organization_id: UUID) -> Actor:
    user = _person(request)
    return Actor(user_id=UserId(user.pk), organization_id=OrganizationId(organization_id), label=user.email)
