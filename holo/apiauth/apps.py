"""App registration."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ApiAuthConfig(AppConfig):
    """API keys and what they may do."""

    name = "holo.apiauth"
    label = "apiauth"
    verbose_name = _("API access")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Make the mail about keys known, and who tells whether a token still works."""
        from holo.apiauth import mail
        from holo.apiauth.selectors import is_usable
        from holo.identity.issuers import register_credential_check

        mail.register()
        register_credential_check(is_usable)
