"""App registration."""

from django.apps import AppConfig
from django.urls import register_converter
from django.utils.translation import gettext_lazy as _

from holo.common.api.converters import IdConverter
from holo.common.crash import plan_from_environment


class CommonConfig(AppConfig):
    """Errors, money, clock, ids and database helpers that everything shares."""

    name = "holo.common"
    label = "common"
    verbose_name = _("Common")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Name the parts of addresses; take up what a test planned for this process."""
        register_converter(IdConverter, "id")
        plan_from_environment()
