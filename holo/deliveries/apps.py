"""App registration."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class DeliveriesConfig(AppConfig):
    """What is sent to people, one row per recipient."""

    name = "holo.deliveries"
    label = "deliveries"
    verbose_name = _("Deliveries")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Show metrics and health checks how much waits and what failed."""
        from holo.deliveries.monitoring import register_monitoring

        register_monitoring()
