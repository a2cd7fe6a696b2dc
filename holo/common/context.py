"""What is known about the work in hand (request, order, workflow), for logs, audit and messages."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_CONTEXT: ContextVar[dict[str, str] | None] = ContextVar("holo_context", default=None)


def current_context() -> dict[str, str]:
    """Return a copy of the bound names."""
    return dict(_CONTEXT.get() or {})


def request_id() -> str:
    """Return the id of the request that caused this work, or an empty string."""
    return (_CONTEXT.get() or {}).get("request_id", "")


@contextmanager
def bound(**names: str) -> Iterator[None]:
    """Bind names for the duration of a block."""
    token = _CONTEXT.set({**(_CONTEXT.get() or {}), **{k: v for k, v in names.items() if v}})
    try:
        yield
    finally:
        _CONTEXT.reset(token)
