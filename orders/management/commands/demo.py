"""`manage.py demo`: drives the API through every kind of end, and tells."""

import os
import secrets
import shlex
import sys
from argparse import ArgumentParser
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from holo.common.errors import DomainError, NotFoundError
from holo.common.terminal import make_console
from holo.identity.demo import DEMO_ADMIN, DEMO_APPROVER, DEMO_OPERATOR, DEMO_PASSWORD, DEMO_VIEWER
from holo.staff.demo import demo_code, demo_secret
from orders.demo.access import Keys, alone, fresh_keys
from orders.demo.answers import OrderView
from orders.demo.client import ApiClient, ApiError, UnreachableError
from orders.demo.order_run import Stage, UnexpectedError, play
from orders.demo.readiness import wait_for_api, wait_for_worker
from orders.demo.report import Closing, Report
from orders.demo.scenarios import SCENARIOS, WAITING, leave_waiting


class Command(BaseCommand):
    """Place orders like any client, act as the people do, and check how each order ends."""

    help = "Drives the API through seven orders; exits with 0 only if each ended as it must. Needs DEMO=1."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "--url",
            default=f"http://127.0.0.1:{8000 + settings.PORT_OFFSET}",
            help="where the API answers (default: %(default)s)",
        )
        parser.add_argument(
            "--exit", action="store_true", help="leave when done; this command always does, `up` may stay"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Play every scenario; raise SystemExit(1) if one went wrong."""
        url = str(options["url"]).rstrip("/")
        _check(url)
        report = Report(make_console(getattr(self.stdout, "_out", sys.stdout)))
        try:
            with alone(report.say), fresh_keys() as keys:
                good = _run(url, keys, report)
        except NotFoundError as error:
            text = _("%(what)s; run `manage.py seed_demo` first") % {"what": error.message}
            raise CommandError(text, returncode=2) from None
        except (ApiError, UnreachableError, DomainError) as error:
            raise CommandError(str(error)) from None
        except KeyboardInterrupt:
            raise CommandError(_("interrupted"), returncode=130) from None
        if not good:
            raise CommandError(
                _(
                    "not every order ended as it must, see above; orders that others placed meanwhile "
                    "change the stock, too"
                )
            )


def _check(url: str) -> None:
    if not settings.DEMO:  # which settings refuse without DEBUG
        raise CommandError(_("refused without DEMO=1 and DEBUG=1"), returncode=2)
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address:
        raise CommandError(_("--url is an address such as http://127.0.0.1:8000"), returncode=2)


def _run(url: str, keys: Keys, report: Report) -> bool:
    """Play everything against the API at `url`; return whether every order ended as it must."""
    stage = Stage(
        operator=ApiClient(base_url=url, key=keys.operator),
        approver=ApiClient(base_url=url, key=keys.approver),
        narrator=report,
        run=secrets.token_hex(4),
    )
    if not wait_for_api(stage.operator, report.say):
        raise UnreachableError(_("%(url)s does not answer; is `manage.py up` running?") % {"url": url})
    if not wait_for_worker(stage.operator, report.say):
        report.say(_("no worker has said that it is ready; the first order will show"))
    outcomes = []
    for scenario in SCENARIOS:
        report.open_scenario(scenario.key, str(scenario.title))
        outcomes.append(play(stage, scenario))
        report.close_scenario(outcomes[-1])
    waiting = _leave_waiting(stage, report)
    report.show_table(outcomes)
    if waiting is not None:
        report.close(_closing(url, waiting))
    return waiting is not None and all(outcome.is_good for outcome in outcomes)


def _leave_waiting(stage: Stage, report: Report) -> OrderView | None:
    report.open_scenario(WAITING.key, str(WAITING.title))
    try:
        return leave_waiting(stage)
    except UnexpectedError as error:
        problem = error.problem
        report.say(f"{problem.what}: {problem.expected} ≠ {problem.actual}", "bold red")
        return None


def _closing(url: str, waiting: OrderView) -> Closing:
    python = os.path.relpath(sys.executable) if sys.executable.startswith(os.getcwd()) else sys.executable
    key = f"$({shlex.quote(python)} manage.py api_key create --user {DEMO_OPERATOR} --scopes orders:write)"
    body = """'{"items": ["iPhone15"], "amount": "500.00"}'"""
    return Closing(
        urls={
            pgettext("page", "admin"): url + _path("admin:index", "/admin/"),
            _("API documents"): url + _path("docs", "/api/docs"),
            _("Temporal"): settings.TEMPORAL_UI_URL,
        },
        logins=(
            (DEMO_APPROVER, _("decides")),
            (DEMO_OPERATOR, _("places, cancels, retries")),
            (DEMO_ADMIN, _("everything but deciding")),
            (DEMO_VIEWER, _("looks")),
        ),
        password=DEMO_PASSWORD,
        secret=demo_secret(),
        code=demo_code(),
        waiting=waiting.number,
        inbox=url + _path("admin:approvals_approvalrequest_changelist", "/admin/approvals/approvalrequest/"),
        commands=(
            (
                _("Order something yourself:"),
                f'curl -sH "Authorization: Bearer {key}" -H "Content-Type: application/json" -d {body} '
                f"{url}/api/v1/orders",
            ),
        ),
    )


def _path(name: str, otherwise: str) -> str:
    try:
        return reverse(name)
    except NoReverseMatch:
        return otherwise
