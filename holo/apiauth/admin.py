"""API keys in the admin: made for oneself, shown once, revoked; never changed, never deleted."""

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext, pgettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect

from holo.apiauth.forms import ApiKeyForm
from holo.apiauth.models import ApiKey
from holo.apiauth.services import create_api_key, revoke_api_key, rotate_api_key
from holo.common.actor import Actor, OrganizationId, UserId
from holo.common.admin import ReadOnlyAdmin, badge
from holo.common.errors import DomainError
from holo.common.step_up import step_up
from holo.common.throttles import count_sensitive
from holo.identity.models import User
from holo.identity.selectors import managed_organization_ids, organization_ids_of
from holo.identity.staff import OWN_ORGANIZATIONS


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin[ApiKey]):
    """The keys of one's organisations."""

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
    actions = ["rotate", "revoke"]

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

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """Tell whether the person may revoke keys."""
        return request.user.has_perm("apiauth.change_apikey")

    @method_decorator(csrf_protect)
    @method_decorator(never_cache)
    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Make a key and show it, this once. The stock view is not used: it would hold a transaction."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        asked = step_up(request)
        if asked is not None:
            return asked
        form = ApiKeyForm(request.POST or None, user=_person(request))
        if request.method == "POST" and form.is_valid():
            try:
                key, text = _make(request, form)
            except DomainError as error:
                form.add_error(None, error.message)
            else:
                return self._page(request, "apiauth/key_created.html", {"key": key, "text": text})
        return self._page(request, "apiauth/key_form.html", {"form": form})

    def _page(self, request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
        shared = {**self.admin_site.each_context(request), "opts": self.opts, "title": _("Make an API key")}
        return TemplateResponse(request, template, {**shared, **context})

    @admin.action(description=_("Replace the chosen key"), permissions=["add"])
    def rotate(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> HttpResponse | None:
        """Replace one key of one's own and show the new one, this once; the old one works for a day more."""
        asked = step_up(request)
        if asked is not None:
            return asked
        keys = list(queryset[:2])
        if len(keys) != 1:
            self.message_user(request, _("Choose one key: the new one is shown once."), messages.WARNING)
            return None
        try:
            count_sensitive(request.user.pk)
            key, text = rotate_api_key(actor=_actor(request, keys[0].organization_id), key_id=keys[0].pk)
        except DomainError as error:
            self.message_user(request, error.message, messages.ERROR)
            return None
        return self._page(request, "apiauth/key_created.html", {"key": key, "text": text})

    @admin.action(description=_("Revoke the chosen keys"), permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        """Revoke, one command per key."""
        keys = [key for key in queryset if key.revoked_at is None]
        for key in keys:
            revoke_api_key(actor=_actor(request, key.organization_id), key_id=key.pk)
        text = ngettext("%(count)d key was revoked.", "%(count)d keys were revoked.", len(keys))
        level = messages.SUCCESS if keys else messages.WARNING
        self.message_user(request, text % {"count": len(keys)}, level)


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
    )


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


def _actor(request: HttpRequest, organization_id: UUID) -> Actor:
    user = _person(request)
    return Actor(user_id=UserId(user.pk), organization_id=OrganizationId(organization_id), label=user.email)
