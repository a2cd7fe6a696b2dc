"""What a worker in production refuses to start with: no namespace, or a Temporal that may forget."""

import logging

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext as _

from holo.stack.env import read_file, run_dir
from workflows.runtime import client
from workflows.runtime.errors import TemporalUnavailableError

logger = logging.getLogger(__name__)

# The store of Temporal's development server; whether it has a file or memory it does not tell.
_DEVELOPMENT_STORE = "sqlite"


def refuse_unfit_temporal() -> None:
    """Raise ImproperlyConfigured where open orders would not be safe in Temporal.

    With DEBUG=1 nothing is asked. A development server is accepted from `manage.py up` alone, which gives it
    a file. One that does not answer yet is no reason not to start.
    """
    if settings.DEBUG:
        return
    try:
        server = client.describe_server()
    except TemporalUnavailableError as error:
        logger.warning("Temporal is not looked at before the start: %s", error.message)
        return
    finally:
        # The worker gets a client of its own.
        client.close()
    if not server.has_namespace:
        raise ImproperlyConfigured(
            _("Temporal at %(address)s has no namespace %(name)s (TEMPORAL_NAMESPACE)")
            % {"address": settings.TEMPORAL_ADDRESS, "name": settings.TEMPORAL_NAMESPACE}
        )
    if server.store == _DEVELOPMENT_STORE and not _is_ours():
        raise ImproperlyConfigured(
            _("Temporal at %(address)s is a development server, which may keep open orders in memory")
            % {"address": settings.TEMPORAL_ADDRESS}
        )


def _is_ours() -> bool:
    """Tell whether `up` runs this server here, on a file."""
    ours = read_file(run_dir() / "env").get("TEMPORAL_ADDRESS")
    return ours == settings.TEMPORAL_ADDRESS and (run_dir() / "temporal.db").exists()
