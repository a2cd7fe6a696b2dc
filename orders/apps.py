"""App registration."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class OrdersConfig(AppConfig):
    """Orders, lines, payments and shipments."""

    name = "orders"
    label = "orders"
    verbose_name = _("Orders")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register with the start page and the approval inbox; keep the groups of people in place."""
        from holo.identity.groups import register_built_in_groups
        from orders.admin import panel, subject
        from orders.groups import BUILT_IN, ensure_groups, given_permissions

        panel.register()
        subject.register()
        register_built_in_groups(*BUILT_IN, given=given_permissions)
        post_migrate.connect(ensure_groups, sender=self, dispatch_uid="orders.groups")
