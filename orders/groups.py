"""The three groups of people and what each may do; put in place whenever the database is migrated."""

from typing import Any

from django.apps import apps as installed_apps
from django.apps.registry import Apps
from django.contrib.auth.models import Permission
from django.db import DEFAULT_DB_ALIAS

VIEWER, OPERATOR, AUDITOR = "viewer", "operator", "auditor"
# The database keeps these names too: `orders/migrations/0005_built_in_groups.py`.
BUILT_IN = (VIEWER, OPERATOR, AUDITOR)

# Whose rows everybody in a group may see. Not those of people and keys.
_SEEN_APPS = ("apivote", "approvals", "audit", "inventory", "ledger", "orders", "outbox")
# Of people and what they belong to, this much.
_SEEN_MODELS = ("project", "environment")
# The sandbox's books stand for another company's; stored answers and the like have no page.
# Who voted for what is a person's own affair.
_UNSEEN_MODELS = ("sandboxcharge", "sandboxfault", "sandboxlabel", "apiintegrationvote")
_OPERATES = (
    ("orders", "cancel_order"),
    ("orders", "retry_order"),
    ("inventory", "add_product"),
    ("inventory", "change_product"),
    ("inventory", "add_warehouse"),
    ("inventory", "change_warehouse"),
    ("inventory", "receive_stock"),
)
_DECIDES = (("orders", "decide_order"),)


def ensure_groups(*, apps: Apps = installed_apps, using: str = DEFAULT_DB_ALIAS, **_signal: Any) -> None:
    """Create the groups where they are missing and add to each what it lacks; take nothing away.

    Runs after the permissions of this app and all before it exist: Django makes an app's permissions in the
    same signal, with a receiver that was connected earlier.
    """
    try:
        groups = apps.get_model("auth", "Group").objects.using(using)
        permissions = apps.get_model("auth", "Permission").objects.using(using)
        apps.get_model("orders", "Order")
    except LookupError:
        return  # migrated only in part
    for name in BUILT_IN:
        group, _created = groups.get_or_create(name=name)
        group.permissions.add(*given_permissions(name, permissions))


def given_permissions(name: str, permissions: Any = None) -> list[Permission]:
    """Return what a built-in group may do; `permissions` is the manager of another state of the models."""
    if permissions is None:
        permissions = Permission.objects
    seen = permissions.filter(content_type__app_label__in=_SEEN_APPS, codename__startswith="view_").exclude(
        content_type__model__in=_UNSEEN_MODELS
    ) | permissions.filter(
        content_type__app_label="identity", codename__in=[f"view_{model}" for model in _SEEN_MODELS]
    )
    further: dict[str, tuple[tuple[str, str], ...]] = {OPERATOR: _OPERATES, AUDITOR: _DECIDES}
    own = [
        permission
        for app_label, codename in further.get(name, ())
        for permission in permissions.filter(content_type__app_label=app_label, codename=codename)
    ]
    return [*seen, *own]
