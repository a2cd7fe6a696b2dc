"""`manage.py errors_doc`: writes `docs/errors.md`."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _
from django.utils.translation import override

from holo.common.error_catalogue import as_markdown

DRIFT = 3


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

    def handle(self, *args: Any, **options: Any) -> None:
        """Write or compare."""
        with override("en"):
            text = as_markdown()
        file: Path = options["file"]
        if not options["check"]:
            try:
                file.write_text(text, encoding="utf-8")
            except OSError as error:
                raise CommandError(f"{file}: {error.strerror}") from None
            return
        if not file.is_file() or file.read_text(encoding="utf-8") != text:
            raise CommandError(
                _("docs/errors.md is out of date; run `manage.py errors_doc`"), returncode=DRIFT
            )
