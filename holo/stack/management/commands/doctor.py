"""`manage.py doctor`: say what is there, what is missing and what to do about it."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand
from django.utils.translation import gettext as _

from holo.stack.doctor import Finding, findings


class Command(BaseCommand):
    """Print a table of the dependencies; exit 1 on trouble."""

    help = "Checks every dependency: where it is, its version, whether it answers. Exits 1 on trouble."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print, and exit 1 when anything is wrong."""
        found = findings()
        if options["json"]:
            self.stdout.write(
                json.dumps([asdict(finding) for finding in found], indent=2, ensure_ascii=False)
            )
        else:
            self._table(found)
        if not all(finding.good for finding in found):
            raise SystemExit(1)

    def _table(self, found: list[Finding]) -> None:
        rows = [(_mark(one), one.name, one.version, one.where, one.detail) for one in found]
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        for finding, row in zip(found, rows, strict=True):
            cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
            style = self.style.SUCCESS if finding.good else self.style.ERROR
            self.stdout.write("  ".join([style(cells[0]), *cells[1:], row[4]]).rstrip())


def _mark(finding: Finding) -> str:
    return _("ok") if finding.good else _("TROUBLE")
