"""`manage.py run_relay`: delivers outbox messages until it is told to stop."""

import logging
import signal
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _
from prometheus_client import start_http_server

from holo.common.fitness import refuse_unfit_database
from holo.common.stopping import leave_in_time
from holo.outbox.delivery import load_handlers
from holo.outbox.metrics import REGISTRY
from holo.outbox.relay import THREADS, Relay

# Each may hold a connection to PostgreSQL.
_MOST_THREADS = 100
logger = logging.getLogger(__name__)


class Command(BaseCommand):
    """Runs one relay; several may run at once."""

    help = "Deliver outbox messages to Temporal, Celery and mail until SIGTERM or SIGINT."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--threads", type=int, default=THREADS, help="deliveries at the same time")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until a signal; the deliveries in hand are finished first."""
        if not 1 <= options["threads"] <= _MOST_THREADS:
            text = _("--threads must be at least 1 and at most %(most)d")
            raise CommandError(text % {"most": _MOST_THREADS}, returncode=2)
        try:
            handlers = load_handlers()
            refuse_unfit_database()
        except ImproperlyConfigured as error:
            raise CommandError(str(error), returncode=2) from error
        _serve_metrics()
        relay = Relay(handlers=handlers, threads=options["threads"])
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: _stop(relay))
        logger.info("relay delivers %d topics with %d threads", len(handlers), options["threads"])
        relay.run()
        if hanging := relay.in_hand():
            # They come again when their claim ends.
            logger.error("left in hand: %s", ", ".join(hanging))
            raise SystemExit(1)
        logger.info("relay stopped")


def _stop(relay: Relay) -> None:
    leave_in_time(relay.in_hand)
    relay.stop()


def _serve_metrics() -> None:
    port = settings.RELAY_METRICS_PORT
    try:
        start_http_server(port, addr="127.0.0.1", registry=REGISTRY)
    except OSError as error:
        message = _("port %(port)d for the relay's metrics (RELAY_METRICS_PORT) is not free") % {"port": port}
        raise CommandError(message, returncode=1) from error
