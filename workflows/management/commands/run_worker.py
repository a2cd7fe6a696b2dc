"""`manage.py run_worker`: serves the task queues of the enabled domains until it is told to stop."""

import asyncio
import signal
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _
from prometheus_client import start_http_server

from holo.common.fitness import refuse_unfit_database
from holo.common.outside_calls import limited_sockets
from holo.common.stopping import leave_in_time
from workflows.runtime.fitness import refuse_unfit_temporal
from workflows.runtime.in_hand import steps_in_hand
from workflows.runtime.metrics import REGISTRY, show_ports
from workflows.runtime.registry import Domain, enabled_domains
from workflows.runtime.worker import SdkMetricsError, check_connection_budget, run_workers


class Command(BaseCommand):
    """Runs one worker process; several may run at once."""

    help = "Run workflows and activities of the enabled domains until SIGTERM or SIGINT."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "--domain", action="append", dest="domains", help="serve this enabled domain only; repeatable"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until a signal; activities in hand are finished first."""
        try:
            domains = enabled_domains(options["domains"])
            check_connection_budget(domains)
            refuse_unfit_database()
            refuse_unfit_temporal()
        except ImproperlyConfigured as error:
            raise CommandError(str(error), returncode=2) from error
        if not domains:
            raise CommandError(_("ENABLE_DOMAINS names no domain"), returncode=2)
        _serve_metrics()
        with limited_sockets(), asyncio.Runner(loop_factory=_loop_factory()) as runner:
            try:
                runner.run(_until_signalled(domains))
            except SdkMetricsError as error:
                raise CommandError(str(error), returncode=1) from error


async def _until_signalled(domains: Sequence[Domain]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def begin_to_stop() -> None:
        if not stop.is_set():
            leave_in_time(steps_in_hand)
            stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, begin_to_stop)
    await run_workers(domains, stop=stop)


def _loop_factory() -> Any:
    """Return uvloop's factory where it is installed; it costs a fifth less for each workflow task."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def _serve_metrics() -> None:
    show_ports()
    port = settings.WORKER_METRICS_PORT
    try:
        start_http_server(port, addr="127.0.0.1", registry=REGISTRY)
    except OSError as error:
        message = _("port %(port)d for the worker's metrics (WORKER_METRICS_PORT) is not free") % {
            "port": port
        }
        raise CommandError(message, returncode=1) from error
