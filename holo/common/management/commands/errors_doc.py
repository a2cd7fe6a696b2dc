"""`manage.py errors_doc`: writes `docs/errors.md`."""

from argparse import ArgumentParser
from importlib import import_module
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _
from django.utils.translation import override

from holo.common.error_catalogue import Shown, as_markdown

BAD_INPUT, DRIFT = 2, 3


class Command(BaseCommand):
    """Write the table of all error codes."""

    help = "Writes docs/errors.md from the errors that the code defines."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "--check", action="store_true", help=_("write nothing; exit 3 when it is out of date")
        )
        parser.add_argument("--file", type=Path, default=Path(settings.BASE_DIR) / "docs" / "errors.md")
        parser.add_argument(
            "--cases",
            default="tests.bad_inputs.cases",
            metavar="MODULE",
            help=_("where `shown_by()` tells which cases end in which code (default: %(default)s)"),
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Write or compare."""
        shown_by = _shown_by(options["cases"])
        with override("en"):
            text = as_markdown(shown_by)
        file: Path = options["file"]
        try:
            if not options["check"]:
                file.write_text(text, encoding="utf-8")
            elif not file.exists() or file.read_bytes() != text.encode():
                raise CommandError(
                    _("docs/errors.md is out of date; run `manage.py errors_doc`"), returncode=DRIFT
                )
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}", returncode=BAD_INPUT) from None


def _shown_by(module: str) -> Shown:
    """Return what the tests' table of cases says; by name, for the product knows no tests."""
    try:
        found: Shown = import_module(module).shown_by()
    except (ImportError, AttributeError, ValueError, TypeError):
        text = _("--cases: %(module)s is no module with a function shown_by") % {"module": module[:64]}
        raise CommandError(text, returncode=BAD_INPUT) from None
    return found
