"""`manage.py run_web`: serves HTTP until it is told to stop."""

import ipaddress
import logging
import signal
from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from holo.common.fitness import refuse_unfit_database
from holo.common.stopping import leave_in_time
from holo.web.server import Limits, Server, make_server, with_files

logger = logging.getLogger(__name__)

_HIGHEST_PORT = 65_535
_RANGES = {
    "receive_seconds": (1, 3600),
    "connections": (10, 100_000),
    "connections_per_client": (1, 100_000),
}


class Command(BaseCommand):
    """Runs one web process with WEB_THREADS threads."""

    help = "Serve HTTP until SIGTERM or SIGINT."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        limits = Limits()
        parser.add_argument("--bind", default="127.0.0.1:8000", help="IP address and port to listen on")
        parser.add_argument(
            "--receive-seconds",
            type=int,
            default=int(limits.receive_seconds),
            help="time from the first byte of a request to its last",
        )
        parser.add_argument(
            "--connections", type=int, default=limits.connections, help="open connections at the same time"
        )
        parser.add_argument(
            "--connections-per-client",
            type=int,
            default=limits.connections_per_client,
            help="those of one IPv4 address or one IPv6 /64",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve until a signal; requests in hand are finished first."""
        address, port = _address(options["bind"])
        limits = with_files(_limits(options))
        try:
            refuse_unfit_database()
        except ImproperlyConfigured as error:
            raise CommandError(str(error), returncode=2) from error
        # Not at the top: it loads all middleware.
        from holo.wsgi import application

        try:
            server = make_server(application, address=address, port=port, limits=limits)
        except OSError as error:
            text = _("cannot listen on %(bind)s: %(why)s")
            raise CommandError(
                text % {"bind": options["bind"], "why": error.strerror}, returncode=1
            ) from error
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: _stop(server))
        logger.info("serving on %s", options["bind"])
        if left := server.run():
            logger.error("left in hand: %d requests", left)
            raise SystemExit(1)
        logger.info("web process stopped")


def _stop(server: Server) -> None:
    leave_in_time(lambda: ["requests"])
    server.stop()


def _address(bind: str) -> tuple[str, int]:
    host, _colon, port = bind.rpartition(":")
    address = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        ipaddress.ip_address(address)
        if port.isascii() and port.isdecimal() and int(port) <= _HIGHEST_PORT:
            return address, int(port)
    except ValueError:
        pass
    raise CommandError(_("--bind must be an IP address with a port, such as 127.0.0.1:8000"), returncode=2)


def _limits(options: dict[str, Any]) -> Limits:
    given = {name: options[name] for name in _RANGES}
    for name, (low, high) in _RANGES.items():
        if not low <= given[name] <= high:
            text = _("--%(name)s must be at least %(low)d and at most %(high)d")
            shown = {"name": name.replace("_", "-"), "low": low, "high": high}
            raise CommandError(text % shown, returncode=2)
    return Limits(**given)
