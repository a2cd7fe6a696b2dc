"""`manage.py reconcile`: finds what has drifted apart, and mends it when told to."""

import json
from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from holo.common.outside_calls import limited_sockets
from holo.common.verify import GRACE
from workflows.runtime import client
from workflows.runtime.reconcile import SETTLING, Finding, Outcome, reconcile
from workflows.runtime.registry import enabled_domains

DRIFT, UNCHECKED, BAD_INPUT = 3, 1, 2
# Seconds of a year; what is no number fails the comparison, too.
_LONGEST = 365 * 24 * 3600


class Command(BaseCommand):
    """Prints one line for each finding, and what was done about it."""

    help = (
        "Find orders, runs, holds and payments that have drifted apart; with --apply mend them. Exits 0 when"
        " nothing is left, 1 when something could not be checked or mending it failed, and else 3 when drift"
        " was found or stays."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--apply", action="store_true", help="mend what is found (default: only tell)")
        parser.add_argument("--json", action="store_true", help="print JSON")
        parser.add_argument(
            "--grace",
            type=float,
            default=GRACE.total_seconds(),
            help="seconds that what happens by itself may take (default: %(default)s)",
        )
        parser.add_argument(
            "--wait",
            type=float,
            default=SETTLING.total_seconds(),
            help="seconds to wait for what was mended to show (default: %(default)s)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Look, mend if told to, print, and exit as the findings say."""
        for name in ("grace", "wait"):
            if not 0 <= options[name] <= _LONGEST:
                raise CommandError(
                    _("--%(name)s is 0 seconds to a year") % {"name": name}, returncode=BAD_INPUT
                )
        try:
            kinds = [kind for domain in enabled_domains() for kind in domain.drifts]
        except ImproperlyConfigured as error:
            raise CommandError(str(error), returncode=BAD_INPUT) from error
        # Without Temporal nothing is known of runs, and each kind would wait for it in turn.
        client.check_health()
        with limited_sockets():
            outcome = reconcile(
                kinds,
                apply=options["apply"],
                grace=timedelta(seconds=options["grace"]),
                settling=timedelta(seconds=options["wait"]),
                progress=self._progress,
            )
        if options["json"]:
            self.stdout.write(json.dumps(outcome.as_data(), indent=2, ensure_ascii=False))
        else:
            self._show(outcome, applied=options["apply"])
        if outcome.count("unknown", "failed"):
            raise SystemExit(UNCHECKED)
        if outcome.count("found", "not_mended"):
            raise SystemExit(DRIFT)

    def _progress(self, title: str) -> None:
        if self.stderr.isatty():
            self.stderr.write(f"\r{title[:60]:<60}\r", ending="")

    def _show(self, outcome: Outcome, *, applied: bool) -> None:
        for finding in outcome.findings:
            self.stdout.write(self._line(finding))
        found = outcome.count("found", "mended", "not_mended", "failed")
        mended = outcome.count("mended")
        text = _("%(found)d found, %(mended)d mended, %(unknown)d could not be checked") % {
            "found": found,
            "mended": mended,
            "unknown": outcome.count("unknown"),
        }
        advice = _("; --apply mends") if found and not applied else ""
        self.stdout.write(text + advice)

    def _line(self, finding: Finding) -> str:
        words = {
            "found": self.style.WARNING(_("found")),
            "mended": self.style.SUCCESS(_("mended")),
            "not_mended": self.style.ERROR(_("NOT MENDED")),
            "unknown": self.style.ERROR(_("NOT CHECKED")),
            "failed": self.style.ERROR(_("FAILED")),
        }
        note = f" → {finding.note}" if finding.note else ""
        return f"{words[finding.state]}  {finding.kind}  {finding.key}: {finding.detail}{note}"
