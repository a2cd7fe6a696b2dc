"""App registration."""

from django.apps import AppConfig
from django.core.checks import Tags
from django.core.checks import register as register_check
from django.urls import register_converter
from django.utils.translation import gettext_lazy as _

from holo.common.api.converters import IdConverter
from holo.common.crash import plan_from_environment
from holo.common.stray_errors import log_stray_errors
from holo.common.weak_settings import check_deployment


class CommonConfig(AppConfig):
    """Errors, money, clock, ids and database helpers that everything shares."""

    name = "holo.common"
    label = "common"
    verbose_name = _("Common")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Name the parts of addresses and what `check --deploy` asks; log what nobody catches."""
        register_converter(IdConverter, "id")
        register_check(check_deployment, Tags.security, deploy=True)
        log_stray_errors()
        # What a test planned.
        plan_from_environment()
