"""App registration, and the admin site that all pages are on."""

from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps
from django.utils.translation import gettext_lazy as _


class StaffConfig(AppConfig):
    """How people get into the admin."""

    name = "holo.staff"
    label = "staff"
    verbose_name = _("Staff")
    default_auto_field = "django.db.models.BigAutoField"


class StaffAdminConfig(admin_apps.AdminConfig):
    """The admin, on the site that asks for two factors."""

    default = False
    default_site = "holo.staff.site.StaffSite"
