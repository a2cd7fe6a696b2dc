"""Of which organisations this work may see rows: PostgreSQL's second fence behind the product's own queries.

Row-level security of each table compares a setting of the session, `holo.organizations`, which the database
wrapper sets (`holo/common/postgres/`); `manage.py migrate` makes the policies (`holo/stack/fences.py`). Work
of the system itself, such as a worker's, is not fenced in.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from uuid import UUID

EVERYTHING = ""
# What rows say that are of the installation, such as the audit of a log-in.
_INSTALLATION = UUID(int=0)
_WANTED: ContextVar[str | None] = ContextVar("holo_fence", default=EVERYTHING)


def wanted_fence() -> str | None:
    """Return the ids with commas between, EVERYTHING for no fence, None for whichever there is."""
    return _WANTED.get()


def fence_in(organization_ids: Iterable[UUID]) -> None:
    """See rows of these organisations alone, and of the installation itself, until the request ends."""
    _WANTED.set(",".join(sorted(map(str, {*organization_ids, _INSTALLATION}))))


@contextmanager
def fence_of_request() -> Iterator[None]:
    """Begin without a fence, and leave none behind."""
    token = _WANTED.set(EVERYTHING)
    try:
        yield
    finally:
        _WANTED.reset(token)


@contextmanager
def fence_around(organization_ids: Iterable[UUID]) -> Iterator[None]:
    """See rows of these organisations alone, and of the installation itself, in a part of the work."""
    token = _WANTED.set(EVERYTHING)
    try:
        fence_in(organization_ids)
        yield
    finally:
        _WANTED.reset(token)


@contextmanager
def any_fence() -> Iterator[None]:
    """Ask tables that have no fence, without the round trip that takes down the one of the last request."""
    token = _WANTED.set(None)
    try:
        yield
    finally:
        _WANTED.reset(token)
