"""People and memberships in the admin."""

from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.db import IntegrityError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from holo.common.actor import NOBODY
from holo.common.admin import BoundedSearch
from holo.common.admin_forms import GuardedFormAdmin, tried_again
from holo.common.db import constraint_name
from holo.common.locks import key_of
from holo.common.step_up import StepUpAdmin, step_up
from holo.identity.addresses import note_address_change
from holo.identity.audited_forms import AuditedForms
from holo.identity.forms import (
    INVITE_FIRST,
    LAST_SUPERUSER,
    OWN_RIGHTS,
    MembershipForm,
    PersonAddForm,
    PersonChangeForm,
    PersonPasswordForm,
)
from holo.identity.locks import lock_membership, lock_person
from holo.identity.models import (
    Membership,
    User,
)
from holo.identity.selectors import belongs_beyond, is_last_owner
from holo.identity.staff import OWN_ORGANIZATIONS, actor_of_user, organization_ids, person_of

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

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        """Return what the person may see of them."""
        return _own(request, super().get_queryset(request))


def _own(request: HttpRequest, memberships: QuerySet[Membership]) -> QuerySet[Membership]:
    if request.user.is_superuser:
        return memberships
    return memberships.filter(organization_id__in=organization_ids(request))


def _colleagues(request: HttpRequest) -> QuerySet[Membership, Any]:
    return _own(request, Membership.objects.all()).values("user_id")


@admin.register(User)
class PersonAdmin(
    AuditedForms, StepUpAdmin[User], GuardedFormAdmin[User], BoundedSearch[User], UserAdmin[User]
):
    """People; deactivated, never deleted, because the history names them."""

    audit_subject = "identity.user"
    form = PersonChangeForm
    add_form = PersonAddForm
    change_password_form = PersonPasswordForm
    ordering = ["email"]
    list_display = ["email", "name", "is_active", "is_staff", "is_superuser", "last_login"]
    list_filter = ["is_active", "is_staff", "is_superuser", "groups"]
    search_fields = ["email", "name"]
    readonly_fields = ["login", "last_login", "date_joined"]
    fieldsets = (
        (None, {"fields": ("email", "login", "name", "password")}),
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

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """Return everybody to superusers, to others the people of their organisations."""
        people = super().get_queryset(request)
        return people if request.user.is_superuser else people.filter(pk__in=_colleagues(request))

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Keep superusers, and whoever belongs to other organisations too, out of the reach of others."""
        allowed = super().has_change_permission(request, obj)
        if not allowed or obj is None or request.user.is_superuser:
            return allowed
        return not obj.is_superuser and not belongs_beyond(obj.pk, organization_ids(request))

    def lock_for_change(self, request: HttpRequest, object_id: str) -> None:
        """Lock the person with the memberships, which are part of the form."""
        if (key := key_of(self.model, object_id)) is not None:
            lock_person(key)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Let superusers add people: others would not see somebody new, who belongs to no organisation."""
        return bool(request.user.is_superuser) and super().has_add_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Nobody deletes people."""
        return False

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Save; another e-mail address is told to the one before and to itself."""
        before = User.objects.filter(pk=obj.pk).values_list("email", flat=True).first()
        # A superuser vouches for the address; others enter it as an organisation's systems do.
        vouches = bool(request.user.is_superuser) and before != obj.email
        if vouches and (before is None or obj.login is not None):
            obj.login = obj.email
        super().save_model(request, obj, form, change)
        if before is not None:
            note_address_change(actor=actor_of_user(person_of(request), NOBODY), person=obj, before=before)

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

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show or take the form; Django opens a transaction here, around that of every other form."""
        return tried_again(request, partial(super().add_view, request, form_url, extra_context))

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        """Give somebody another password, or none, which ends their sessions."""
        asked = step_up(request) if self.has_change_permission(request) else None
        if asked is not None:
            return asked
        if "unset-password" in request.POST and id == str(request.user.pk):
            self.message_user(request, OWN_RIGHTS, messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())
        if not request.user.is_superuser and self._has_no_login(request, id):
            self.message_user(request, INVITE_FIRST, messages.ERROR)
            return HttpResponseRedirect(reverse("admin:identity_user_change", args=[id]))
        try:
            return super().user_change_password(request, id, form_url)
        except IntegrityError as error:
            return self._last_superuser(request, error)

    def _has_no_login(self, request: HttpRequest, object_id: str) -> bool:
        """Tell whether a first password would say whose an address is, which only superusers do."""
        key = key_of(self.model, object_id)
        return key is not None and self.get_queryset(request).filter(pk=key, login=None).exists()

    def _last_superuser(self, request: HttpRequest, error: IntegrityError) -> HttpResponse:
        """Say why the database has refused; raise what was another reason."""
        if constraint_name(error) != "identity_user_keeps_a_superuser":
            raise error
        self.message_user(request, LAST_SUPERUSER, messages.ERROR)
        return HttpResponseRedirect(request.get_full_path())


@admin.register(Membership)
class MembershipAdmin(
    _BySuperusers,
    AuditedForms,
    StepUpAdmin[Membership],
    GuardedFormAdmin[Membership],
    BoundedSearch[Membership],
):
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

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        """Return what the person may see of them."""
        return _own(request, super().get_queryset(request))

    def get_readonly_fields(self, request: HttpRequest, obj: Membership | None = None) -> Any:
        """Whose a membership is does not change."""
        return ["user", "organization"] if obj else []

    def lock_for_change(self, request: HttpRequest, object_id: str) -> None:
        """Lock as the commands do that change members."""
        if (key := key_of(self.model, object_id)) is not None:
            lock_membership(key)

    def audited_as(self, row: Membership) -> list[tuple[str, str]]:
        """Return the person: the trail tells memberships about them."""
        return [(self.audit_subject, str(row.user_id))]

    def has_delete_permission(self, request: HttpRequest, obj: Membership | None = None) -> bool:
        """Let superusers end memberships."""
        return bool(request.user.is_superuser) and super().has_delete_permission(request, obj)

    def why_kept(self, row: Membership) -> str:
        """Keep the last owner of an organisation."""
        if not is_last_owner(row.pk):
            return ""
        return gettext("Nothing was deleted: the organisation would be left without an owner.")
