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
        """Register the checks of these entities and of demonstration people, and the mail of this app."""
        from holo.common import weak_settings
        from holo.identity import mail, notices
        from holo.identity.checks import DEMO_PEOPLE, defined_once

        register(defined_once)
        weak_settings.register(DEMO_PEOPLE)
        mail.register()
        notices.register()
