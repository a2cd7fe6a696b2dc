"""The database wrapper that ENGINE names: Django's own, but for dead connections and fences."""

import select
from typing import Any

from django.db.backends.postgresql import base
from psycopg.pq import ConnStatus, TransactionStatus

from holo.common.fence import EVERYTHING, wanted_fence


class DatabaseWrapper(base.DatabaseWrapper):
    """Asks the socket before the server, and sees rows of no other organisation than the work in hand may."""

    # What the session's setting is; None where a rollback may have changed it.
    _fence: str | None = None

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

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Connect; a new session has no fence."""
        self._fence = EVERYTHING
        return super().get_new_connection(conn_params)

    def fence_statement(self) -> str:
        """Return the statement that sets the fence of the work in hand, empty where it stands already.

        Whoever asks for it runs it. It costs a round trip where it cannot go with another statement.
        """
        wanted = wanted_fence()
        if wanted is None or wanted == self._fence:
            return ""
        self._fence = wanted
        return f"SET holo.organizations = '{wanted}'"

    def _cursor(self, name: str | None = None) -> Any:
        self.ensure_connection()
        raw: Any = self.connection
        failed = raw.info.transaction_status == TransactionStatus.INERROR
        if not failed and (statement := self.fence_statement()):
            try:
                with self.wrap_database_errors:
                    raw.execute(statement)
            except BaseException:
                self._fence = None
                raise
        return super()._cursor(name)  # type: ignore[misc]  # the stubs leave out what is for backends

    def _commit(self) -> Any:
        # Of a transaction in which a statement has failed COMMIT is a rollback too, and is no error.
        raw: Any = self.connection
        failed = raw is not None and raw.info.transaction_status == TransactionStatus.INERROR
        done = super()._commit()  # type: ignore[misc]
        if failed:
            self._fence = None
        return done

    def _rollback(self) -> Any:
        done = super()._rollback()  # type: ignore[misc]
        self._fence = None
        return done

    def _savepoint_rollback(self, sid: str) -> None:
        super()._savepoint_rollback(sid)  # type: ignore[misc]
        self._fence = None
