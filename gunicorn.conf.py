"""How gunicorn serves, whoever starts it here: `manage.py up`, docker-compose.yml or an operator."""

import sys
from typing import Any

worker_class = "holo.web.BoundedThreads"
# Requests in hand get as long as other processes do by default (STOP_SECONDS).
graceful_timeout = 15
# Beyond these the answer is 414 or 431.
limit_request_line = 8190
limit_request_fields = 100
limit_request_field_size = 8190
# No header moves an address (SCRIPT_NAME): a proxy's rules about paths and ADMIN_HOSTS go by it.
forwarder_headers = ""
# What gunicorn ends with, instead of trying again, when the application cannot be loaded.
_CANNOT_SERVE = 4


def post_worker_init(worker: Any) -> None:
    """Refuse to serve in production from a database that is not fit for it."""
    # Django is set up only now.
    from django.core.exceptions import ImproperlyConfigured

    from holo.common.fitness import refuse_unfit_database

    try:
        refuse_unfit_database()
    except ImproperlyConfigured as error:
        print(error, file=sys.stderr)
        sys.exit(_CANNOT_SERVE)
