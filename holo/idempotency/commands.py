"""`@command`: one service, one transaction, once per key.

A key is inserted first, in the transaction of its effect, and the answer is stored there. A racer with the
same key waits on the unique index until the first commits or rolls back; there is nothing to clean up.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from django.db import DatabaseError, connection, transaction
from django.utils.translation import gettext as _
from pydantic import TypeAdapter

from holo.common.db import LOCK_NOT_AVAILABLE, require_transaction, sqlstate, unit_of_work
from holo.common.errors import BusyError, DomainError
from holo.idempotency.errors import KeyInFlightError, KeyReusedError, KeyUnverifiableError
from holo.idempotency.fingerprints import fingerprint_of, is_same
from holo.idempotency.models import IdempotencyLog

logger = logging.getLogger(__name__)
P = ParamSpec("P")
T = TypeVar("T")

HTTP_KEY_LIFETIME = timedelta(hours=24)
# Of one caller, within that time; and bytes of one.
MAX_REFUSALS = 1000
MAX_REFUSAL_BYTES = 16_384
# The serialiser of each type of result; making one costs a millisecond.
_adapters: dict[Any, TypeAdapter[Any]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An HTTP answer as it was, or will be, sent."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


class Replayed(Exception):
    """Carries the stored answer of a key that was used before."""

    def __init__(self, answer: Answer) -> None:
        super().__init__("replayed")
        self.answer = answer


@dataclass(slots=True, kw_only=True)
class RequestKey:
    """A client's key for one command, with how to render its outcome.

    `key` may be None (the client sent none): then the outcome is rendered, but nothing is stored. `content`
    is what a repeated request must have in common with the first; only its fingerprint is stored. After the
    command `answer` holds what to send.
    """

    scope: str
    key: str | None
    content: str
    render: Callable[[Any], Answer]
    render_error: Callable[[DomainError], Answer]
    # Called in the transaction before what happens the first time; what it writes is undone with a refusal.
    before: Callable[[], None] | None = None
    # What the scopes of all keys of this caller begin with; by default this one's are all.
    all_scopes: str = ""
    # Where an earlier version would have stored this key; may be the same scope.
    former_scope: str = ""
    answer: Answer | None = None


def command(service: Callable[P, T]) -> Callable[P, T]:
    """Make `service` one durable transaction; honour its keyword argument `request_key`, if it has one.

    With a key: a replay raises Replayed, another body KeyReusedError, a body that cannot be compared
    KeyUnverifiableError, a racer that waits longer than the lock timeout KeyInFlightError. A refusal that is
    final for the request (`DomainError.stored`) rolls back to the savepoint after the key and is stored too,
    up to MAX_REFUSALS of one caller;
    any other one rolls back the key as well, so that the request may be repeated or corrected. What a refusal
    leaves (`DomainError.remains`) is written afterwards.
    """

    name = getattr(service, "__name__", "")

    @wraps(service)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return transact(*args, **kwargs)
        except DomainError as refusal:
            _write_remains(refusal)
            raise

    def transact(*args: P.args, **kwargs: P.kwargs) -> T:
        request_key = kwargs.get("request_key")
        if not isinstance(request_key, RequestKey):
            return unit_of_work(lambda: service(*args, **kwargs), name=name)
        outcome = unit_of_work(lambda: _keyed(request_key, lambda: service(*args, **kwargs)), name=name)
        if isinstance(outcome, DomainError):
            raise outcome
        return outcome

    return run


def _write_remains(refusal: DomainError) -> None:
    """Write what the refusal leaves; the refusal stands, whatever becomes of it."""
    if refusal.remains is None:
        return
    try:
        unit_of_work(refusal.remains)
    except (DatabaseError, DomainError) as error:
        logger.warning("what %s leaves was not written: %s", refusal.code, error)


def _keyed(request_key: RequestKey, effect: Callable[[], T]) -> T | DomainError:
    """Run `effect` once under the key. A refusal is returned, not raised, so that its record commits."""
    if request_key.key is None:
        result = _first(request_key, effect)
        request_key.answer = request_key.render(result)
        return result
    row_id = _claim(request_key)
    try:
        with transaction.atomic():
            result = _first(request_key, effect)
            answer = request_key.render(result)
    except DomainError as refusal:
        answer = request_key.render_error(refusal)
        if not refusal.stored or not _has_room(request_key, answer):
            raise
        _store(row_id, answer)
        return refusal
    _store(row_id, answer)
    request_key.answer = answer
    return result


def _first(request_key: RequestKey, effect: Callable[[], T]) -> T:
    if request_key.before is not None:
        request_key.before()
    return effect()


def _claim(request_key: RequestKey) -> int:
    key, fingerprint = str(request_key.key), fingerprint_of(request_key.content)
    try:
        while True:
            row_id = _insert_first(request_key.scope, key, fingerprint, lifetime=HTTP_KEY_LIFETIME)
            if row_id is not None:
                break
            # One that has expired may be purged between the two statements; then the key is free again.
            stored = IdempotencyLog.objects.filter(scope=request_key.scope, key=key).first()
            if stored is not None:
                raise _replay(request_key, stored)
    except BusyError as error:
        raise KeyInFlightError(_("the first request with this key has not finished")) from error
    if request_key.former_scope not in ("", request_key.scope):
        former = IdempotencyLog.objects.filter(scope=request_key.former_scope, key=key).first()
        if former is not None:
            raise _replay(request_key, former)
    return row_id


def _replay(request_key: RequestKey, stored: IdempotencyLog) -> Exception:
    """Return what to raise where the key was used before: the stored response, if it is of this request."""
    same = is_same(stored.fingerprint, request_key.content)
    if same is None:
        return KeyUnverifiableError(
            _("this key was used, and the secret that compares the two requests is no longer on the server"),
            header="Idempotency-Key",
        )
    if not same:
        return KeyReusedError(_("this key was used with another request body"), header="Idempotency-Key")
    return Replayed(
        Answer(status=stored.status or 200, body=bytes(stored.body or b""), headers=stored.headers)
    )


def _has_room(request_key: RequestKey, refusal: Answer) -> bool:
    """Tell whether a refusal may be kept: it changed nothing, so whoever asks for many must not fill a table.

    One that is not kept is judged anew when it is repeated, and comes out the same.
    """
    scopes = request_key.all_scopes or request_key.scope
    kept = IdempotencyLog.objects.filter(status__gte=400, scope__startswith=scopes)
    return len(refusal.body) <= MAX_REFUSAL_BYTES and kept[:MAX_REFUSALS].count() < MAX_REFUSALS


def _insert_first(scope: str, key: str, fingerprint: str, *, lifetime: timedelta | None) -> int | None:
    """Insert the key and return its id, or None if it is there already. Waits for a racer to end."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO idempotency_idempotencylog"
                " (scope, key, fingerprint, headers, created_at, expires_at)"
                " VALUES (%s, %s, %s, '{}', now(), now() + make_interval(secs => %s))"
                " ON CONFLICT (scope, key) DO NOTHING RETURNING id",
                [scope, key, fingerprint, None if lifetime is None else lifetime.total_seconds()],
            )
            row = cursor.fetchone()
    except DatabaseError as error:
        if sqlstate(error) == LOCK_NOT_AVAILABLE:
            raise BusyError(_("the key is in use")) from error
        raise
    return None if row is None else int(row[0])


def _store(row_id: int, answer: Answer) -> None:
    IdempotencyLog.objects.filter(pk=row_id).update(
        status=answer.status, body=answer.body, headers=answer.headers
    )


def once(*, key: str, result: type[T], effect: Callable[[], T]) -> T:
    """Run `effect` the first time that the step `key` is seen; afterwards return the result of that time.

    `result` is the type of the outcome (a dataclass, or anything pydantic can serialise); it is stored with
    the key, in the transaction of the effect, and kept as long as the subject. Needs a transaction.
    """
    require_transaction()
    adapter = _adapter(result)
    row_id = _insert_first("step", key, "", lifetime=None)
    if row_id is None:
        stored = IdempotencyLog.objects.values_list("result", flat=True).get(scope="step", key=key)
        return adapter.validate_python(stored)
    outcome = effect()
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE idempotency_idempotencylog SET result = %s::jsonb WHERE id = %s",
            [adapter.dump_json(outcome).decode(), row_id],
        )
    return outcome


def record_step(*, key: str, result: type[T], outcome: T) -> None:
    """Write the result of a step before its effect, where it is known by then: before any lock is taken.

    `once` of the same key then returns it. Needs a transaction. Raises IntegrityError if the key is not new.
    """
    require_transaction()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO idempotency_idempotencylog (scope, key, fingerprint, headers, created_at, result)"
            " VALUES ('step', %s, '', '{}', now(), %s::jsonb)",
            [key, _adapter(result).dump_json(outcome).decode()],
        )


def _adapter(result: type[T]) -> TypeAdapter[T]:
    adapter: TypeAdapter[T] | None = _adapters.get(result)
    return _adapters.setdefault(result, TypeAdapter(result)) if adapter is None else adapter
