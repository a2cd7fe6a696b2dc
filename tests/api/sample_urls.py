"""A small API of its own, so that the platform is tested without any app."""

from typing import Any, ClassVar
from uuid import UUID

from django.db import IntegrityError, OperationalError
from django.http import Http404, HttpResponse
from django.urls import path
from rest_framework.request import Request

from holo.apiauth.api.views import PublicTokenView
from holo.apiauth.views import ApiView
from holo.audit.models import AuditEvent
from holo.audit.operations import record_audit
from holo.common.actor import Actor
from holo.common.api.fields import IdentifierField, IntegerField
from holo.common.api.filters import Filters, choice_filter, integer_filter
from holo.common.api.problems import nothing_here
from holo.common.api.serializers import StrictSerializer
from holo.common.errors import BusyError, DomainError, ThrottledError, error_table
from holo.idempotency.commands import RequestKey, command
from holo.idempotency.models import IdempotencyLog

handler404 = "holo.common.api.problems.not_found"
handler500 = "holo.common.api.problems.server_error"


class SampleRefusalError(DomainError):
    """What the sample service refuses."""

    code = "sample.refused"
    stored = True
    meaning = "The sample refuses."


@command
def note(*, actor: Actor, name: str, amount: int, request_key: RequestKey | None = None) -> AuditEvent:
    """Write one audit row. The name `refuse` is refused, `busy` is busy, after something was written."""
    record_audit(
        actor=actor, action="sample.noted", subject_type="sample", subject_id=name, data={"n": amount}
    )
    if name == "refuse":
        raise SampleRefusalError("this name is refused", name=name)
    if name == "busy":
        raise BusyError("come back later")
    return AuditEvent.objects.latest("id")


# The codes that `refuse` was run for, in order: what is answered from a stored row does not run it.
REFUSED: list[str] = []


@command
def refuse(*, actor: Actor, code: str, request_key: RequestKey | None = None) -> AuditEvent:
    """Refuse with the code, after something was written."""
    record_audit(actor=actor, action="sample.noted", subject_type="sample", subject_id=code, data={})
    REFUSED.append(code)
    error = error_table()[code]
    if issubclass(error, ThrottledError):
        raise error("too many calls", retry_after=7, limit="calls")
    raise error("refused")


class RefusalView(ApiView):
    """Refuses with the code that the address names."""

    required_scopes = {"POST": "orders:write"}

    def post(self, request: Request, code: str) -> HttpResponse:
        """Run the command that refuses."""
        return self.run_command(
            lambda key: refuse(actor=self.actor, code=code, request_key=key), render=render, status=201
        )


class NoteRequest(StrictSerializer):
    """A note."""

    read_only_names = frozenset({"id"})
    name = IdentifierField(max_length=20)
    amount = IntegerField(min_value=1, max_value=10_000, default=1)


def render(row: AuditEvent) -> dict[str, object]:
    """Return a note as sent."""
    return {"id": row.pk, "name": row.subject_id, "at": row.created_at}


class NotesView(ApiView):
    """List and make notes."""

    by_public_tokens = True
    required_scopes = {"GET": "orders:read", "POST": "orders:write"}
    ordering = ("subject_id", "-id")
    filters: ClassVar[Filters] = {
        "name": choice_filter("subject_id", ["a", "b"]),
        "above": integer_filter("id__gt", low=0),
    }

    def get(self, request: Request, thing: UUID | None = None) -> HttpResponse:
        """Return a page."""
        return self.page(AuditEvent.objects.filter(subject_type="sample"), render)

    def post(self, request: Request, thing: UUID | None = None) -> HttpResponse:
        """Make a note."""
        values = self.valid(NoteRequest)
        return self.run_command(
            lambda key: note(actor=self.actor, request_key=key, **values),
            render=render,
            status=201,
            headers=lambda row: {"Location": f"/api/v1/notes/{row.pk}"},
        )


class HousekeepingView(NotesView):
    """Notes with scopes that an organisation's token can have."""

    required_scopes = {"POST": "organization:write"}


class FaultView(ApiView):
    """Goes wrong in the way that the address names."""

    required_scopes = {"GET": "orders:read"}

    def get(self, request: Request, kind: str) -> HttpResponse:
        """Raise."""
        raise _FAULTS[kind]()


class DecideView(ApiView):
    """Needs the scope of deciders, and has a method without any scope."""

    required_scopes = {"GET": "orders:audit"}

    def get(self, request: Request) -> HttpResponse:
        """Tell who calls."""
        return self.answer({"organization": self.actor.organization_id, "label": self.actor.label})

    def post(self, request: Request) -> HttpResponse:
        """Never run: no scope is named."""
        raise AssertionError("a method without a scope must be closed")


def _violation() -> Exception:
    for _ in range(2):
        IdempotencyLog.objects.create(scope="sample", key="once")
    raise AssertionError("the index let it pass")


def _bug() -> Exception:
    return KeyError("secret-in-a-traceback")


_FAULTS: dict[str, Any] = {
    "bug": _bug,
    "absent": lambda: Http404("secret"),
    "down": lambda: OperationalError("connection to server at secret-host failed"),
    "unique": lambda: _with_state(IntegrityError("duplicate secret"), "23505"),
    "check": lambda: _with_state(IntegrityError("check secret"), "23514"),
    "twice": _violation,
    "lock": lambda: _with_state(OperationalError("lock secret"), "55P03"),
    "deadlock": lambda: _with_state(OperationalError("deadlock secret"), "40P01"),
}


def _with_state(error: Exception, state: str) -> Exception:
    cause = Exception("driver")
    cause.sqlstate = state  # type: ignore[attr-defined]
    error.__cause__ = cause
    return error


urlpatterns = [
    path("api/v1/notes", NotesView.as_view()),
    path("api/v1/notes/<id:thing>", NotesView.as_view()),
    path("api/v1/housekeeping", HousekeepingView.as_view()),
    path("api/v1/tokens/public", PublicTokenView.as_view()),
    path("api/v1/refusals/<str:code>", RefusalView.as_view()),
    path("api/v1/faults/<slug:kind>", FaultView.as_view()),
    path("api/v1/decide", DecideView.as_view()),
    path("api/<path:path>", nothing_here),
]
