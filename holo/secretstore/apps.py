"""App registration."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SecretStoreConfig(AppConfig):
    """Sealed secrets with versions."""

    name = "holo.secretstore"
    label = "secretstore"
    verbose_name = _("Secrets")
    default_auto_field = "django.db.models.BigAutoField"
