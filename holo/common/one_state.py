"""Pages and answers that show one state of the rows, however many queries they make."""

from collections.abc import Callable
from functools import wraps
from typing import Any, ClassVar, ParamSpec, TypeVar

from django.http import HttpRequest, HttpResponseBase
from django.template.response import SimpleTemplateResponse
from django.views import View

from holo.common.db import one_state

P = ParamSpec("P")
R = TypeVar("R")
_READS = ("GET", "HEAD")


def shows_one_state(page: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Let a page that is asked for by GET make all its queries in one snapshot, those of its template too.

    Such a page gives no command.
    """

    @wraps(page)
    def run(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method not in _READS:
            return page(request, *args, **kwargs)
        with one_state():
            response = page(request, *args, **kwargs)
            if isinstance(response, SimpleTemplateResponse):
                response.render()
        return response

    return run


class ReadsOneState(View):
    """A view of the API whose GET makes all its queries in one snapshot, after it is known who calls."""

    # False where GET gives a command, or waits for others to commit.
    one_state: ClassVar[bool] = True
    authentication_classes: Any

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        """Take the handler of GET and HEAD into the snapshot."""
        super().setup(request, *args, **kwargs)
        read = getattr(self, "get", None)
        # A call without a caller reads no rows.
        if read is not None and self.one_state and self.authentication_classes:
            vars(self).update(get=_within(read), head=_within(read))


def _within(read: Callable[P, R]) -> Callable[P, R]:
    @wraps(read)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with one_state():
            return read(*args, **kwargs)

    return run
