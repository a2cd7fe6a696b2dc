"""Organisations, and what belongs to them, in the admin."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from holo.audit.models import AuditEvent
from holo.common.admin import BoundedSearch, ReadOnlyAdmin, badge
from holo.common.admin_forms import GuardedFormAdmin
from holo.deliveries.models import Delivery
from holo.identity.actor_names import ShowsActor
from holo.identity.audited_forms import AuditedForms
from holo.identity.deliveries_admin import DeliveryAdmin
from holo.identity.models import (
    Environment,
    Invitation,
    Organization,
    Project,
    UserChange,
)
from holo.identity.staff import OWN_ORGANIZATIONS, OrganizationLimited, organization_ids
from holo.outbox.admin import OutboxMessageAdmin
from holo.outbox.models import OutboxMessage

# Production stands out: a mistake there costs most.
_TONES = {"production": "bad", "staging": "warn", "development": "info", "preview": "neutral"}
_STANDINGS = {"open": "progress", "accepted": "good", "revoked": "neutral"}
_CHANGE_TONES = {"running": "progress", "succeeded": "good", "failed": "bad", "cancelled": "neutral"}


@admin.register(Organization)
class OrganizationAdmin(AuditedForms, GuardedFormAdmin[Organization], BoundedSearch[Organization]):
    """Organisations; never deleted, because everything hangs on them."""

    audit_subject = "identity.organization"
    list_display = ["slug", "name", "created_at"]
    search_fields = ["slug", "name"]
    fields = ["slug", "name"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Organization]:
        """Return all to superusers, to others their own."""
        rows = super().get_queryset(request)
        return rows if request.user.is_superuser else rows.filter(pk__in=organization_ids(request))

    def get_readonly_fields(self, request: HttpRequest, obj: Organization | None = None) -> Any:
        """Keep the short name: clients send it."""
        return ["slug"] if obj else []

    def has_delete_permission(self, request: HttpRequest, obj: Organization | None = None) -> bool:
        """Nobody deletes organisations."""
        return False


@admin.register(Invitation)
class InvitationAdmin(OrganizationLimited[Invitation], ReadOnlyAdmin[Invitation]):
    """Who is asked into one's organisations; the API invites and revokes."""

    audit_subject = "identity.invitation"
    list_display = ["email", "organization", "role", "standing", "invited_by", "created_at", "expires_at"]
    list_filter = [OWN_ORGANIZATIONS, "state", "role"]
    list_select_related = ["organization", "invited_by"]
    search_fields = ["email"]
    fields = [
        *("email", "organization", "role", "standing", "invited_by"),
        *("created_at", "expires_at", "ended_at"),
    ]

    @admin.display(description=_("state"))
    def standing(self, invitation: Invitation) -> str:
        """Return how far the invitation is."""
        if invitation.state == Invitation.State.OPEN and invitation.expires_at <= timezone.now():
            return badge(_("expired"), "neutral")
        return badge(invitation.get_state_display(), _STANDINGS[invitation.state])


@admin.register(UserChange)
class UserChangeAdmin(OrganizationLimited[UserChange], ReadOnlyAdmin[UserChange]):
    """What the systems of one's organisations have wanted of their users; the API asks and cancels."""

    audit_subject = "identity.user_change"
    list_display = ["reference", "action", "organization", "standing", "code", "requested_by", "created_at"]
    list_filter = [OWN_ORGANIZATIONS, "state", "action", "notice"]
    list_select_related = ["organization", "requested_by"]
    search_fields = ["=reference", "email"]
    fields = [
        *("reference", "action", "organization", "standing", "code", "email", "name", "user"),
        *("requested_by", "notice", "run_id", "cancel_requested_at", "created_at", "ended_at"),
    ]

    @admin.display(description=_("state"), ordering="state")
    def standing(self, change: UserChange) -> str:
        """Return how far the change is."""
        return badge(change.get_state_display(), _CHANGE_TONES[change.state])


class EnvironmentInline(admin.TabularInline[Environment, Project]):
    """The environments of a project."""

    model = Environment
    fields = ["slug", "kind_badge", "created_at"]
    readonly_fields = ["slug", "kind_badge", "created_at"]
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody adds rows by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody edits rows by hand."""
        return False

    @admin.display(description=_("kind"))
    def kind_badge(self, environment: Environment) -> str:
        """Return what the environment is for."""
        return badge(environment.get_kind_display(), _TONES[environment.kind])


@admin.register(Project)
class ProjectAdmin(OrganizationLimited[Project], ReadOnlyAdmin[Project]):
    """The projects of one's organisations; the API adds and renames them."""

    audit_subject = "identity.project"
    list_display = ["slug", "name", "organization", "created_at"]
    list_filter = [OWN_ORGANIZATIONS]
    list_select_related = ["organization"]
    search_fields = ["slug", "name"]
    fields = ["slug", "name", "organization", "created_at"]
    inlines = [EnvironmentInline]


@admin.register(AuditEvent)
class AuditEventAdmin(ShowsActor[AuditEvent], OrganizationLimited[AuditEvent], ReadOnlyAdmin[AuditEvent]):
    """The audit trail of one's organisations, newest first, by subject, actor or request.

    It is here and not in `holo/audit/`, which lies below and knows nobody's organisations.
    """

    list_display = ["created_at", "action", "subject_type", "subject_id", "by", "request_id"]
    list_filter = ["action", "subject_type", "created_at"]
    search_fields = ["=subject_id", "=request_id", "=actor_label"]
    exclude = ["actor_label"]
    readonly_fields = ["by"]

    def organization_limit(self, request: HttpRequest) -> dict[str, Any]:
        """Show superusers all, also what is about the installation and names no organisation."""
        return {} if request.user.is_superuser else super().organization_limit(request)


admin.site.unregister(OutboxMessage)


@admin.register(OutboxMessage)
class OwnOutboxMessageAdmin(OrganizationLimited[OutboxMessage], OutboxMessageAdmin):
    """The messages of one's organisations; `holo/outbox/` lies below and knows nobody's."""


admin.site.register(Delivery, DeliveryAdmin)

# They register themselves, after the pages above: the start page lists apps in the order of their first page.
from holo.identity import group_admin, people_admin  # noqa: E402, F401 - they register themselves
