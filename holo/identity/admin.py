"""People, organisations and memberships in the admin."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from holo.common.admin import BoundedSearch
from holo.identity.forms import PersonAddForm, PersonChangeForm
from holo.identity.models import Membership, Organization, User

_POWERS = ("is_staff", "is_superuser", "groups")


class MembershipInline(admin.TabularInline[Membership, User]):
    """The organisations of a person."""

    model = Membership
    extra = 0


@admin.register(User)
class PersonAdmin(BoundedSearch[User], UserAdmin[User]):
    """People; deactivated, never deleted, because the history names them."""

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


@admin.register(Organization)
class OrganizationAdmin(BoundedSearch[Organization]):
    """Organisations; never deleted, because everything hangs on them."""

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
class MembershipAdmin(BoundedSearch[Membership]):
    """Who belongs where."""

    list_display = ["user", "organization", "role", "created_at"]
    list_filter = ["organization", "role"]
    list_select_related = ["user", "organization"]
    search_fields = ["user__email", "organization__slug"]
    autocomplete_fields = ["user", "organization"]


admin.site.unregister(Group)


@admin.register(Group)
class RoleAdmin(BoundedSearch[Group], GroupAdmin):
    """The groups that give people their rights."""
