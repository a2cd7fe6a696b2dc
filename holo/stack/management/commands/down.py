"""`manage.py down`: stop the stack of this checkout."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils.translation import gettext as _

from holo.stack.env import run_dir
from holo.stack.instance import Instance


class Command(BaseCommand):
    """Ask the running `up` to end and wait for it."""

    help = "Stops the stack that `manage.py up` runs in this checkout; its data stays."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Stop, and say whether there was anything to stop."""
        stopped = Instance(run_dir()).stop()
        self.stdout.write(_("stopped") if stopped else _("nothing runs here"))
