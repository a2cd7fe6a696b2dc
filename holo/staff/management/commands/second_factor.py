"""`manage.py second_factor`: remove a lost device; show the demonstration's present code."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from holo.common.errors import DomainError
from holo.staff.demo import demo_code
from holo.staff.services import reset_second_factor

BAD_INPUT = 2


class Command(BaseCommand):
    """Remove somebody's device, so that they enrol another one when they log in."""

    help = (
        "`reset EMAIL` removes a lost device with its recovery codes and ends the person's sessions;"
        " `demo-code` prints the present code of the demonstration's people, with DEMO=1 alone."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the sub-commands."""
        commands = parser.add_subparsers(dest="command", required=True)
        reset = commands.add_parser("reset", help=_("remove a lost device"))
        reset.add_argument("email", help=_("whose"))
        commands.add_parser("demo-code", help=_("print the demonstration's present code"))

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the sub-command; a refusal is one line."""
        if options["command"] == "demo-code":
            self._demo_code()
            return
        try:
            was_there = reset_second_factor(email=options["email"])
        except DomainError as error:
            raise CommandError(error.message, returncode=BAD_INPUT) from None
        if was_there:
            self.stdout.write(
                _("the device was removed and the sessions ended; the next log-in enrols another")
            )
        else:
            self.stdout.write(_("there was no device; the next log-in enrols one"))

    def _demo_code(self) -> None:
        if not settings.DEMO:
            raise CommandError(_("refused without DEMO=1 and DEBUG=1"), returncode=BAD_INPUT)
        self.stdout.write(demo_code())
