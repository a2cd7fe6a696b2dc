"""App registration."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class StackConfig(AppConfig):
    """The embedded development stack."""

    name = "holo.stack"
    label = "stack"
    verbose_name = _("Stack")
    default_auto_field = "django.db.models.BigAutoField"
