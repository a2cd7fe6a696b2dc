"""`manage.py verify`: looks whether what must always hold does hold, in the rows and in Temporal."""

import json
from argparse import ArgumentParser
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from holo.common.db import snapshot
from holo.common.verify import GRACE, Invariant, Report, examine, invariants
from workflows.runtime.registry import enabled_domains

VIOLATED, UNCHECKED, BAD_INPUT = 3, 1, 2
# Seconds of a year; what is no number fails the comparison, too.
_LONGEST = 365 * 24 * 3600


class Command(BaseCommand):
    """Prints one line for each invariant; what breaks it, by key, under it."""

    help = (
        "Check every invariant of stock, orders, payments, decisions, keys, outbox and audit. Read-only, safe"
        " under load. Exits 0 when all hold, 3 when one is violated, 1 when one could not be checked."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--only", default="", help="ids to check, such as I03,I21")
        parser.add_argument("--json", action="store_true", help="print JSON")
        parser.add_argument(
            "--grace",
            type=float,
            default=GRACE.total_seconds(),
            help="seconds that what happens by itself may take (default: %(default)s)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Check, print, and exit as the verdicts say."""
        if not 0 <= options["grace"] <= _LONGEST:
            raise CommandError(_("--grace is 0 seconds to a year"), returncode=BAD_INPUT)
        chosen = _chosen(options["only"])
        reports = []
        for report in self._examined(chosen, timedelta(seconds=options["grace"])):
            reports.append(report)
            if not options["json"]:
                self._show(report)
        verdicts = {report.verdict for report in reports}
        if options["json"]:
            self._print_json(reports)
        if "violated" in verdicts:
            raise SystemExit(VIOLATED)
        if "unchecked" in verdicts:
            raise SystemExit(UNCHECKED)

    def _examined(self, chosen: list[Invariant], grace: timedelta) -> Iterator[Report]:
        """Yield the reports: those of the rows from one snapshot, then those that look at other servers."""
        resting = [one for one in chosen if not one.live]
        live = [one for one in chosen if one.live]
        with snapshot():
            for place, one in enumerate(resting, start=1):
                self._progress(place, len(chosen), one.id)
                yield examine(one, grace=grace)
        for place, one in enumerate(live, start=len(resting) + 1):
            self._progress(place, len(chosen), one.id)
            yield examine(one, grace=grace)
        self._progress(0, 0, "")

    def _progress(self, place: int, total: int, name: str) -> None:
        if self.stderr.isatty():
            text = f"[{place}/{total}] {name}" if name else " " * 20
            self.stderr.write(f"\r{text}\r", ending="")

    def _show(self, report: Report) -> None:
        words = {"ok": _("ok"), "violated": _("VIOLATED"), "unchecked": _("NOT CHECKED")}
        styles = {"ok": self.style.SUCCESS, "violated": self.style.ERROR, "unchecked": self.style.WARNING}
        verdict = styles[report.verdict](words[report.verdict].ljust(11))
        sentences = " ".join(checked.statement for checked in report.checked)
        self.stdout.write(f"{report.id}  {verdict} {report.count:>6}  {report.reason or sentences}")
        if report.verdict == "violated":
            for key in report.keys:
                self.stdout.write(f"       {key}")
            if report.count > len(report.keys):
                self.stdout.write(
                    _("       … and %(count)d more") % {"count": report.count - len(report.keys)}
                )
            for checked in report.checked:
                self.stdout.write(_("       checked: %(sql)s") % {"sql": checked.sql})

    def _print_json(self, reports: list[Report]) -> None:
        data = {
            "clean": all(report.verdict == "ok" for report in reports),
            "invariants": [report.as_data() for report in reports],
        }
        self.stdout.write(json.dumps(data, indent=2, ensure_ascii=False))


def _chosen(only: str) -> list[Invariant]:
    """Return the invariants of `--only`, all of them where it is empty."""
    try:
        further = tuple(rule for domain in enabled_domains() for rule in domain.rules)
    except ImproperlyConfigured as error:
        raise CommandError(str(error), returncode=BAD_INPUT) from error
    known = {one.id: one for one in invariants(further)}
    wanted = {name.strip().upper() for name in only.split(",") if name.strip()}
    unknown = sorted(wanted - known.keys())
    if unknown:
        raise CommandError(
            _("no invariant %(name)s; there are %(known)s")
            % {"name": unknown[0][:64], "known": ", ".join(known)},
            returncode=BAD_INPUT,
        )
    return [one for one in known.values() if not wanted or one.id in wanted]
