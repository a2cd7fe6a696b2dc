"""The groups that give people their rights, in the admin."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin
from django.contrib.auth.models import Group
from django.db.models import ManyToManyField
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from holo.common.admin import BoundedSearch, badge
from holo.common.admin_forms import GuardedFormAdmin
from holo.common.step_up import StepUpAdmin
from holo.identity.audited_forms import AuditedForms
from holo.identity.forms import GroupForm
from holo.identity.groups import is_built_in_group
from holo.identity.permission_labels import permission_label

admin.site.unregister(Group)


@admin.register(Group)
class GroupsAdmin(
    AuditedForms, StepUpAdmin[Group], GuardedFormAdmin[Group], BoundedSearch[Group], GroupAdmin
):
    """The groups that give people their rights. Those that the product needs keep names and permissions."""

    audit_subject = "identity.group"
    form = GroupForm
    list_display = ["name", "kind"]

    @admin.display(description=_("kind"))
    def kind(self, group: Group) -> str:
        """Tell the groups that the product needs from one's own."""
        return badge(_("built in"), "info") if is_built_in_group(group.name) else badge(_("own"))

    def get_readonly_fields(self, request: HttpRequest, obj: Group | None = None) -> Any:
        """Keep the names of built-in groups; their permissions may be added to."""
        fields = super().get_readonly_fields(request, obj)
        return (*fields, "name") if obj is not None and is_built_in_group(obj.name) else fields

    def why_kept(self, row: Group) -> str:
        """Keep built-in groups."""
        return gettext("Nothing was deleted: this group is built in.") if is_built_in_group(row.name) else ""

    def formfield_for_manytomany(
        self, db_field: ManyToManyField[Any, Any], request: HttpRequest | None = None, **kwargs: Any
    ) -> Any:
        """Return the field; permissions are named in the language of the page."""
        field = super().formfield_for_manytomany(db_field, request, **kwargs)
        if db_field.name == "permissions":
            field.label_from_instance = permission_label  # type: ignore[union-attr,method-assign]
        return field

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Say in words what goes: who is in the group, and what it permits."""
        _listed, _counts, needed, protected = super().get_deleted_objects(objs, request)
        shown: list[Any] = []
        for group in objs:
            people = sorted(group.user_set.values_list("email", flat=True))
            permissions = sorted(map(permission_label, group.permissions.select_related("content_type")))
            lost = [_("People who lose its rights: %(count)d") % {"count": len(people)}, people]
            lost += [_("Permissions: %(count)d") % {"count": len(permissions)}, permissions]
            shown += [group.name, lost]
        return shown, {self.opts.verbose_name_plural: len(objs)}, needed, protected
