"""App registration."""

from django.apps import AppConfig
from django.core.checks import register
from django.utils.translation import gettext_lazy as _


class IdentityConfig(AppConfig):
    """Users, organisations and memberships."""

    name = "holo.identity"
    label = "identity"
    verbose_name = _("Identity")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the check that nobody defines these entities a second time, and the mail of this app."""
        from holo.identity import mail, notices
        from holo.identity.checks import defined_once

        register(defined_once)
        mail.register()
        notices.register()
