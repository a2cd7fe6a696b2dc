"""`manage.py reset`: stop the stack and delete all its data."""

import shutil
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from holo.stack import postgres_data
from holo.stack.env import run_dir
from holo.stack.instance import Instance


class Command(BaseCommand):
    """Delete `.run/`: database, queues, workflow histories, logs, passwords."""

    help = "Stops the stack and deletes its data (.run/). Servers given by address are not touched."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *args: Any, **options: Any) -> None:
        """Ask, stop, delete."""
        folder = run_dir()
        if not folder.exists():
            self.stdout.write(_("nothing to delete"))
            return
        if not options["yes"] and not self._confirmed(str(folder)):
            raise CommandError(_("nothing was deleted"))
        instance = Instance(folder)
        instance.stop()
        if not instance.take():
            raise CommandError(_("an `up` still runs in %(folder)s") % {"folder": folder})
        postgres_data.remove(folder / "postgres")
        shutil.rmtree(folder, ignore_errors=True)
        instance.release()
        self.stdout.write(_("deleted %(folder)s") % {"folder": folder})

    def _confirmed(self, folder: str) -> bool:
        if not sys.stdin.isatty():
            raise CommandError(_("this deletes %(folder)s; add --yes") % {"folder": folder}, returncode=2)
        question = _("Delete all data in %(folder)s? Type yes: ") % {"folder": folder}
        return input(question).strip().lower() == "yes"
