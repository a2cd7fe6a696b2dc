"""`manage.py domains`: the enabled domains, and whether their code holds together."""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _
from rich.table import Table

from holo.common.terminal import make_console
from holo.domains import domain_apps, domain_package, domain_urls
from workflows.runtime.check import activity_names, check_domains
from workflows.runtime.client import workflow_name
from workflows.runtime.registry import enabled_domains, enabled_entries, load_domain

BROKEN, BAD_INPUT = 3, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What `list` tells of one domain."""

    name: str
    package: str
    queue: str
    workflows: tuple[str, ...]
    activities: int
    topics: tuple[str, ...]
    starts: tuple[str, ...]
    app: bool
    urls: bool


class Command(BaseCommand):
    """One sub-command for each question."""

    help = (
        "`list` shows the domains of ENABLE_DOMAINS: queue, workflows, what starts them. `check` looks at"
        " imports, queues, activities, signals and at workflow code, which must be deterministic and free of"
        " Django; it exits 3 where something is wrong."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the sub-commands."""
        commands = parser.add_subparsers(dest="command", required=True)
        for name, text in (
            ("list", _("show the enabled domains")),
            ("check", _("look for what would fail when they run")),
        ):
            command = commands.add_parser(name, help=text)
            command.add_argument("--json", action="store_true", help=_("print JSON"))

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the sub-command."""
        if options["command"] == "list":
            self._list(as_json=options["json"])
        else:
            self._check(as_json=options["json"])

    def _list(self, *, as_json: bool) -> None:
        try:
            enabled_domains()  # refuses twins
            rows = list(_rows())
        except ImproperlyConfigured as error:
            raise CommandError(str(error), returncode=BAD_INPUT) from error
        if as_json:
            self.stdout.write(json.dumps([asdict(row) for row in rows], indent=2))
            return
        table = Table(box=None, pad_edge=False, header_style="bold")
        for heading in (_("domain"), _("queue"), _("workflows"), _("activities"), _("start"), _("has")):
            table.add_column(heading, overflow="fold")
        for row in rows:
            parts = [*([_("rows")] if row.app else []), *([_("addresses")] if row.urls else [])]
            table.add_row(
                row.name,
                row.queue,
                ", ".join(row.workflows),
                str(row.activities),
                ", ".join([*(f"workflow start {name}" for name in row.starts), *row.topics]) or "-",
                ", ".join(parts) or "-",
            )
        make_console(getattr(self.stdout, "_out", sys.stdout)).print(table)

    def _check(self, *, as_json: bool) -> None:
        entries = enabled_entries()
        found = list(check_domains(entries))
        if as_json:
            self.stdout.write(
                json.dumps({"clean": not found, "problems": [asdict(one) for one in found]}, indent=2)
            )
        else:
            for entry in entries:
                if not any(problem.domain == entry for problem in found):
                    self.stdout.write(f"{self.style.SUCCESS(_('ok'))}       {entry}")
            for problem in found:
                parts = [self.style.ERROR(_("TROUBLE")), problem.domain, problem.where, problem.text]
                self.stdout.write("  ".join(filter(None, parts)))
        if found:
            raise SystemExit(BROKEN)


def _rows() -> Iterator[Row]:
    for entry in enabled_entries():
        domain = load_domain(entry)
        yield Row(
            name=domain.name,
            package=domain_package(entry),
            queue=domain.task_queue,
            workflows=tuple(workflow_name(workflow) for workflow in domain.workflows),
            activities=len(activity_names(domain)),
            topics=tuple(dict.fromkeys(route.topic for route in domain.routes)),
            starts=tuple(domain.starts),
            app=bool(domain_apps([entry])),
            urls=bool(domain_urls([entry])),
        )
