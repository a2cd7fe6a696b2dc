"""`manage.py get_temporal`: make sure that the Temporal CLI is there, and print where."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from holo.stack.errors import StackError
from holo.stack.temporal_fetch import obtain_temporal


class Command(BaseCommand):
    """Find the Temporal CLI, or get it once for all checkouts of this user."""

    help = "Finds the Temporal CLI, or downloads or builds it once; prints its path."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Get it and print the path; what happens meanwhile goes to stderr."""
        try:
            binary = obtain_temporal(lambda text: self.stderr.write(text))
        except (StackError, OSError) as error:
            raise CommandError(str(error)) from None
        self.stdout.write(str(binary.path))
