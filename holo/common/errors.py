"""The errors that the product raises on purpose, and the table of all of them.

    DomainError
      RequestError          codes that no app owns (`request.*`)
      <App>Error            one base per app, codes `<app>.<noun>_<problem>`

A class is a row of the table: code, HTTP status, whether the same call may succeed later, whether the refusal
is kept under an `Idempotency-Key`, meaning.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldProblem:
    """One wrong field: `pointer` is an RFC 6901 JSON pointer into the request body, or a parameter name."""

    pointer: str
    code: str
    message: str


class DomainError(Exception):
    """A refusal that the caller can understand and branch on by `code`."""

    code: ClassVar[str] = ""
    status: ClassVar[int] = 409
    retryable: ClassVar[bool] = False
    # Final for the request: neither waiting nor correcting the request changes it, so a repeated request gets
    # the same response. Any other refusal leaves the Idempotency-Key free.
    stored: ClassVar[bool] = False
    meaning: ClassVar[str] = ""
    # Seconds; a refusal that knows better says so itself.
    retry_after: int | None = None
    # Called in a transaction of its own after the refused one was undone; a crash in between loses it.
    remains: Callable[[], None] | None = None

    def __init__(self, message: str, *, errors: Iterable[FieldProblem] = (), **details: object) -> None:
        super().__init__(message)
        self.message = message
        self.errors = tuple(errors)
        self.details = details

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if not cls.__dict__.get("code"):
            return
        known = _TABLE.get(cls.code)
        if known is not None and known.__qualname__ != cls.__qualname__:
            raise TypeError(f"error code {cls.code} belongs to {known.__qualname__} already")
        _TABLE[cls.code] = cls


class OutageError(Exception):
    """Somebody outside does not answer: it is tried again until they do, however long it takes."""


_TABLE: dict[str, type[DomainError]] = {}


def error_table() -> dict[str, type[DomainError]]:
    """Return every error class by its code, sorted."""
    return dict(sorted(_TABLE.items()))


class RequestError(DomainError):
    """Base of the errors that no app owns."""

    status = 400


class BusyError(RequestError):
    """Somebody else holds the rows."""

    code = "request.busy"
    status = 503
    retryable = True
    retry_after = 1
    meaning = "Another transaction holds the rows this call needs; nothing was changed. Try again."


class ConflictError(RequestError):
    """The database gave up on a conflict after several tries."""

    code = "request.conflict"
    status = 409
    retryable = True
    retry_after = 1
    meaning = "The call kept colliding with others and was given up; nothing was changed. Try again."


class NotFoundError(RequestError):
    """No such row, or one of another organisation."""

    code = "request.not_found"
    status = 404
    meaning = "There is no such object, or it belongs to somebody else."


class InvalidError(RequestError):
    """The body or a parameter does not fit; `errors` names each field."""

    code = "request.invalid"
    meaning = "Fields of the request do not fit; `errors` names each one with what is allowed."


class ChangedMeanwhileError(RequestError):
    """What the caller has seen is not what is stored."""

    code = "request.changed_meanwhile"
    status = 412
    meaning = (
        "`If-Match` names another state than the present one, because somebody has changed the object; or"
        " `If-None-Match` names the present one. Nothing was changed; read it again and decide anew."
    )


class ThrottledError(RequestError):
    """Too many calls."""

    code = "request.throttled"
    status = 429
    retryable = True
    meaning = "Too many calls; nothing was changed. Try again after the seconds in Retry-After."

    def __init__(self, message: str, *, retry_after: int, limit: str) -> None:
        super().__init__(message, limit=limit)
        self.retry_after = retry_after


class CrossSiteError(RequestError):
    """A browser says that another site sends this."""

    code = "request.cross_site"
    status = 403
    meaning = "A browser sends this for another site. Call from a page of this host, or with a key."


class ForbiddenError(RequestError):
    """The caller is known but may not do this."""

    code = "request.forbidden"
    status = 403
    meaning = "The caller may not do this."
