"""App registration: the domain has rows, so ENABLE_DOMAINS adds it to the installed apps."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PizzaConfig(AppConfig):
    """Pizza orders."""

    name = "workflows.pizza"
    label = "pizza"
    verbose_name = _("Pizza")
    default_auto_field = "django.db.models.BigAutoField"
