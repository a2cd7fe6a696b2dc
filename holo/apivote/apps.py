"""App registration."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class ApiVoteConfig(AppConfig):
    """Integrations that people wish for."""

    name = "holo.apivote"
    label = "apivote"
    verbose_name = _("Integrations")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Keep the catalogue in step with its file."""
        from holo.apivote.catalogue import put_in_step

        post_migrate.connect(put_in_step, sender=self, dispatch_uid="apivote.catalogue")
