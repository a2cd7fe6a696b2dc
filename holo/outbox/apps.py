"""App registration."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OutboxConfig(AppConfig):
    """Messages committed with their cause, and the relay that delivers them."""

    name = "holo.outbox"
    label = "outbox"
    verbose_name = _("Outbox")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Tell health and metrics about the backlog."""
        from holo.outbox.monitoring import register_monitoring

        register_monitoring()
