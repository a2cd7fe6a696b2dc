"""People, organisations and memberships in the admin."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from holo.audit.models import AuditEvent
from holo.common.admin import BoundedSearch, ReadOnlyAdmin, badge
from holo.common.db import constraint_name
from holo.common.step_up import StepUpAdmin, step_up
from holo.identity.audited_forms import AuditedForms
from holo.identity.forms import (
    LAST_SUPERUSER,
    OWN_RIGHTS,
    MembershipForm,
    PersonAddForm,
    PersonChangeForm,
)
from holo.identity.models import (
    Environment,
    Invitation,
    Membership,
    Organization,
    Project,
    User,
    UserChange,
)
from holo.identity.selectors import is_last_owner
from holo.identity.staff import OWN_ORGANIZATIONS, OrganizationLimited
from holo.outbox.admin import OutboxMessageAdmin
from holo.outbox.models import OutboxMessage

# Production stands out: a mistake there costs most.
_TONES = {"production": "bad", "staging": "warn", "development": "info", "preview": "neutral"}
_STANDINGS = {"open": "progress", "accepted": "good", "revoked": "neutral"}
_CHANGE_TONES = {"running": "progress", "succeeded": "good", "failed": "bad", "cancelled": "neutral"}
_POWERS = ("is_staff", "is_superuser", "groups")


class _BySuperusers:
    """Memberships are written here by superusers only, who hold every role; others use the API.

    The API lets an owner or admin of an organisation give the roles that they hold themselves.
    """

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Tell whether the person may add memberships."""
        return bool(request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Tell whether the person may change memberships."""
        return bool(request.user.is_superuser)


class MembershipInline(_BySuperusers, admin.TabularInline[Membership, User]):
    """The organisations of a person; memberships end on their own page."""

    model = Membership
    form = MembershipForm
    extra = 0
    can_delete = False


@admin.register(User)
class PersonAdmin(AuditedForms, StepUpAdmin[User], BoundedSearch[User], UserAdmin[User]):
    """People; deactivated, never deleted, because the history names them."""

    audit_subject = "identity.user"
    form = PersonChangeForm
    add_form = PersonAddForm
    ordering = ["email"]
    list_display = ["email", "name", "is_active", "is_staff", "is_superuser", "last_login"]
    list_filter = ["is_active", "is_staff", "is_superuser", "groups"]
    search_fields = ["email", "name"]
    readonly_fields = ["last_login", "date_joined"]
    fieldsets = (
        (None, {"fields": ("email", "name", "password")}),
        (_("Permissions"), {"fields": ("is_active", *_POWERS)}),
        (_("Times"), {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (
            None,
            {"classes": ("wide",), "fields": ("email", "name", "usable_password", "password1", "password2")},
        ),
    )
    inlines = [MembershipInline]

    def get_form(
        self, request: HttpRequest, obj: User | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """Tell the form who fills it in."""
        form = super().get_form(request, obj, change=change, **kwargs)
        form.acting = request.user
        return form

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Let only superusers give powers, else who may edit people could make themselves one."""
        fields = super().get_readonly_fields(request, obj)
        return fields if request.user.is_superuser else (*fields, *_POWERS)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Keep superusers out of the reach of others."""
        allowed = super().has_change_permission(request, obj)
        return allowed and (obj is None or not obj.is_superuser or request.user.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Nobody deletes people."""
        return False

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show or take the form; two superusers may demote each other at once, of whom one is refused."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except IntegrityError as error:
            return self._last_superuser(request, error)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        """Give somebody another password, or none, which ends their sessions."""
        asked = step_up(request) if self.has_change_permission(request) else None
        if asked is not None:
            return asked
        if "unset-password" in request.POST and id == str(request.user.pk):
            self.message_user(request, OWN_RIGHTS, messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())
        try:
            return super().user_change_password(request, id, form_url)
        except IntegrityError as error:
            return self._last_superuser(request, error)

    def _last_superuser(self, request: HttpRequest, error: IntegrityError) -> HttpResponse:
        """Say why the database has refused; raise what was another reason."""
        if constraint_name(error) != "identity_user_keeps_a_superuser":
            raise error
        self.message_user(request, LAST_SUPERUSER, messages.ERROR)
        return HttpResponseRedirect(request.get_full_path())


@admin.register(Organization)
class OrganizationAdmin(AuditedForms, BoundedSearch[Organization]):
    """Organisations; never deleted, because everything hangs on them."""

    audit_subject = "identity.organization"
    list_display = ["slug", "name", "created_at"]
    search_fields = ["slug", "name"]
    fields = ["slug", "name"]

    def get_readonly_fields(self, request: HttpRequest, obj: Organization | None = None) -> Any:
        """Keep the short name: clients send it."""
        return ["slug"] if obj else []

    def has_delete_permission(self, request: HttpRequest, obj: Organization | None = None) -> bool:
        """Nobody deletes organisations."""
        return False


@admin.register(Membership)
class MembershipAdmin(_BySuperusers, AuditedForms, StepUpAdmin[Membership], BoundedSearch[Membership]):
    """Who belongs where."""

    audit_subject = "identity.user"
    form = MembershipForm
    # Ending many at once could end the last owner's; the page of one tells before it happens.
    actions = None

    list_display = ["user", "organization", "role", "created_at"]
    list_filter = [OWN_ORGANIZATIONS, "role"]
    list_select_related = ["user", "organization"]
    search_fields = ["user__email", "organization__slug"]
    autocomplete_fields = ["user", "organization"]

    def audited_as(self, row: Membership) -> list[tuple[str, str]]:
        """Return the person: the trail tells memberships about them."""
        return [(self.audit_subject, str(row.user_id))]

    def has_delete_permission(self, request: HttpRequest, obj: Membership | None = None) -> bool:
        """Let superusers end any membership but that of the last owner."""
        return bool(request.user.is_superuser) and (obj is None or not is_last_owner(obj.pk))


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
class AuditEventAdmin(OrganizationLimited[AuditEvent], ReadOnlyAdmin[AuditEvent]):
    """The audit trail of one's organisations, newest first, by subject, actor or request.

    It is here and not in `holo/audit/`, which lies below and knows nobody's organisations.
    """

    list_display = ["created_at", "action", "subject_type", "subject_id", "actor_label", "request_id"]
    list_filter = ["action", "subject_type", "created_at"]
    search_fields = ["=subject_id", "=request_id", "=actor_label"]

    def organization_limit(self, request: HttpRequest) -> dict[str, Any]:
        """Show superusers all, also what is about the installation and names no organisation."""
        return {} if request.user.is_superuser else super().organization_limit(request)


admin.site.unregister(OutboxMessage)


@admin.register(OutboxMessage)
class OwnOutboxMessageAdmin(OrganizationLimited[OutboxMessage], OutboxMessageAdmin):
    """The messages of one's organisations; `holo/outbox/` lies below and knows nobody's."""


# Registers itself, after the pages above: the start page lists the apps in the order of their first page.
from holo.identity.group_admin import GroupsAdmin  # noqa: E402, F401 - registers itself
