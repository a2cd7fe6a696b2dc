"""The database wrapper that ENGINE names: Django's own, except for how it tells a dead connection."""

import select
from typing import Any

from django.db.backends.postgresql import base
from psycopg.pq import ConnStatus


class DatabaseWrapper(base.DatabaseWrapper):
    """Asks the socket before the server."""

    def is_usable(self) -> bool:
        """Tell whether the server still has the connection.

        A backend that ended, by a restart or pg_terminate_backend, leaves its farewell or the end of the
        stream in the socket. Only where something lies there is the server asked, as Django always does.
        """
        raw: Any = self.connection
        if raw is None or raw.closed or raw.pgconn.status != ConnStatus.OK:
            return False
        waiting = select.poll()
        waiting.register(raw.fileno(), select.POLLIN | select.POLLPRI)
        return not waiting.poll(0) or bool(super().is_usable())
