"""The relay: delivers committed messages, in order for each key, keys in parallel, at least once.

One thread claims and marks; the couriers' threads deliver. Several relays may run at once.
"""

import logging
import random
import selectors
import socket
import time
from datetime import timedelta
from typing import Any

import psycopg
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from holo.outbox import claims, metrics
from holo.outbox.claims import Claim
from holo.outbox.couriers import Couriers, Report
from holo.outbox.delivery import Handlers, Verdict
from holo.outbox.operations import CHANNEL
from holo.outbox.pauses import Pauses, backoff
from holo.outbox.selectors import get_backlog

logger = logging.getLogger(__name__)

THREADS = 16
MAX_ATTEMPTS = 10
POLL_SECONDS = 1.0
_BACKLOG_SECONDS = 5.0
_LONGEST_RECONNECT = 5.0
# Of STOP_SECONDS, how many are for writing down what was delivered.
_SETTLING_SECONDS = 3.0
_REMEMBERED_FAILURES = 10_000
_DATABASE_ERRORS = (DatabaseError, InterfaceError, psycopg.Error)


class Relay:
    """Delivers until `stop` is called; `run` belongs to one thread, `stop` to any or a signal handler."""

    def __init__(
        self, *, handlers: Handlers, threads: int = THREADS, lease: timedelta = claims.LEASE
    ) -> None:
        self._handlers = handlers
        self._threads = threads
        self._lease = lease
        self._stopping = False
        self._alarm, self._bell = _bell()
        self._pauses = Pauses()
        self._couriers: Couriers | None = None
        self._reports: list[Report] = []
        self._transient: dict[int, int] = {}
        self._in_hand = 0
        self._next_backlog = 0.0
        self._notified = False
        self._listening: Any = None

    def stop(self) -> None:
        """Ask `run` to return after the deliveries in hand."""
        self._stopping = True
        self._wake()

    def in_hand(self) -> list[str]:
        """Name the deliveries that have begun and not ended."""
        return [] if self._couriers is None else self._couriers.in_hand()

    def run(self) -> None:
        """Deliver until stopped; a lost database is waited for."""
        self._couriers = couriers = Couriers(threads=self._threads, handlers=self._handlers, wake=self._wake)
        failures = 0
        while not self._stopping:
            try:
                if not self._turn(couriers):
                    self._sleep()
                failures = 0
            except (*_DATABASE_ERRORS, OSError) as error:
                failures += 1
                self._lose_database(error, failures)
        self._finish(couriers)

    def _turn(self, couriers: Couriers) -> bool:
        """Mark what has ended, claim what there is room for; return whether there was anything to do."""
        self._listen()
        self._show_backlog()
        self._notified = False
        self._collect(couriers)
        marked = self._settle()
        claimed = self._claim()
        for claim in claimed:
            couriers.send(claim)
        self._in_hand += len(claimed)
        return marked or bool(claimed)

    def _listen(self) -> None:
        connection.ensure_connection()
        raw = connection.connection
        if raw is self._listening:
            return
        raw.add_notify_handler(lambda _: self._note())
        with connection.cursor() as cursor:
            cursor.execute(f"LISTEN {CHANNEL}")
        self._listening = raw
        metrics.show_database(True)

    def _note(self) -> None:
        self._notified = True

    def _claim(self) -> list[Claim]:
        # Twice the threads, so that none waits for the next turn; the lease is far longer than that takes.
        room = 2 * self._threads - self._in_hand
        if room <= 0:
            return []
        probed = self._pauses.probed()
        found = claims.claim(limit=room, paused=[*self._pauses.resting(), *probed], lease=self._lease)
        for topic in probed:
            probe = claims.claim(limit=1, only=topic, lease=self._lease)
            if probe:
                self._pauses.begin_probe(topic)
                found += probe
        return found

    def _collect(self, couriers: Couriers) -> None:
        reports = couriers.reports()
        self._in_hand -= len(reports)
        self._reports += reports
        for report in reports:
            self._count(report)

    def _count(self, report: Report) -> None:
        topic, verdict = report.claim.message.topic, report.outcome.verdict
        if verdict is Verdict.DELIVERED:
            metrics.count_delivered(topic)
            self._pauses.succeeded(topic)
            return
        metrics.count_failed(topic, verdict.value)
        if verdict is Verdict.TRANSIENT:
            self._pauses.failed(topic)

    def _settle(self) -> bool:
        """Write the reports down; those not yet written survive a lost connection."""
        if not self._reports:
            return False
        delivered = [report for report in self._reports if report.outcome.verdict is Verdict.DELIVERED]
        if delivered:
            claims.mark_delivered([report.claim for report in delivered])
        for report in delivered:
            self._reports.remove(report)
            self._transient.pop(report.claim.message.id, None)
        while self._reports:
            self._settle_failure(self._reports[0])
            self._reports.pop(0)
        return True

    def _settle_failure(self, report: Report) -> None:
        claim, outcome = report.claim, report.outcome
        number = claim.message.id
        if outcome.verdict is Verdict.TRANSIENT:
            tries = self._transient[number] = self._transient.get(number, 0) + 1
            claims.put_back(claim, error=outcome.error, wait=backoff(tries), counts=False)
            logger.warning("message %d (%s) waits: %s", number, claim.message.topic, outcome.error)
            return
        self._transient.pop(number, None)
        if outcome.verdict is Verdict.PERMANENT or claim.attempts + 1 >= MAX_ATTEMPTS:
            claims.bury(claim, error=outcome.error)
            logger.error("message %d (%s) is a dead letter: %s", number, claim.message.topic, outcome.error)
            return
        claims.put_back(claim, error=outcome.error, wait=backoff(claim.attempts + 1), counts=True)
        logger.warning("message %d (%s) failed: %s", number, claim.message.topic, outcome.error)

    def _sleep(self) -> None:
        """Wait for a NOTIFY, a report or a stop, at most until the next poll."""
        raw = connection.connection
        if self._notified or self._stopping or raw is None:
            return
        with selectors.DefaultSelector() as waiting:
            waiting.register(self._alarm, selectors.EVENT_READ)
            waiting.register(raw.fileno(), selectors.EVENT_READ)
            waiting.select(POLL_SECONDS)
        self._silence()

    def _silence(self) -> None:
        try:
            while self._alarm.recv(4096):
                pass
        except BlockingIOError:
            return

    def _wake(self) -> None:
        try:
            self._bell.send(b"!")
        except OSError:
            return  # full of wake-ups already, or closed because the relay has ended

    def _show_backlog(self) -> None:
        now = time.monotonic()
        if now >= self._next_backlog:
            self._next_backlog = now + _BACKLOG_SECONDS
            metrics.show_backlog(get_backlog())
            if len(self._transient) > _REMEMBERED_FAILURES:
                self._transient.clear()  # those that another relay delivered are never removed otherwise

    def _lose_database(self, error: Exception, failures: int) -> None:
        logger.warning("the relay has no database: %s", str(error).strip().partition("\n")[0])
        metrics.show_database(False)
        self._listening = None
        connection.close()
        wait = min(_LONGEST_RECONNECT, 0.1 * 2.0 ** min(failures - 1, 10)) * random.uniform(0.5, 1)
        deadline = time.monotonic() + wait
        while not self._stopping and (left := deadline - time.monotonic()) > 0:
            with selectors.DefaultSelector() as waiting:
                waiting.register(self._alarm, selectors.EVENT_READ)
                waiting.select(left)
            self._silence()

    def _finish(self, couriers: Couriers) -> None:
        untried = couriers.recall()
        couriers.dismiss(timeout=settings.STOP_SECONDS - _SETTLING_SECONDS)
        self._collect(couriers)
        try:
            self._settle()
            if untried:
                claims.release(untried)
        except _DATABASE_ERRORS as error:
            logger.warning("stopped without a database; messages in hand come again: %s", error)
        connection.close()
        self._alarm.close()
        self._bell.close()


def _bell() -> tuple[socket.socket, socket.socket]:
    receiver, sender = socket.socketpair()
    receiver.setblocking(False)
    sender.setblocking(False)
    return receiver, sender
