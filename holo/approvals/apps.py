"""App registration."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ApprovalsConfig(AppConfig):
    """Human decisions as rows: requests, decisions, separation of duties."""

    name = "holo.approvals"
    label = "approvals"
    verbose_name = _("Approvals")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Put what waits for a decision on the admin's start page; make the mail about it known."""
        from holo.approvals import mail, panel

        panel.register()
        mail.register()
