"""The base of every API view: authorise, read, run one command, render."""

from collections.abc import Callable, Mapping
from functools import cached_property, partial
from typing import Any, ClassVar, TypeVar

from django.conf import settings
from django.db.models import Model, QuerySet
from django.http import HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from holo.apiauth.authentication import Grant, spend_token
from holo.apiauth.errors import KeyInUrlError, StepUpRequiredError, UnauthenticatedError
from holo.apiauth.organization import organization_of
from holo.apiauth.permissions import RequireScope, grant_of
from holo.apiauth.request_keys import (
    all_scopes_of,
    content_of,
    former_scope_of,
    principal_of,
    read_idempotency_key,
    scope_of,
)
from holo.common.actor import Actor, UserId
from holo.common.api.errors import ExpectedObjectError, LengthRequiredError
from holo.common.api.etags import add_etag, answer_unchanged
from holo.common.api.field_errors import field_problems
from holo.common.api.filters import Filters, apply_filters, check_parameters
from holo.common.api.pagination import PARAMETERS, paginate
from holo.common.api.problems import json_bytes, problem, refusal_of_fields
from holo.common.callers import caller_of
from holo.common.errors import DomainError, ThrottledError
from holo.common.fence import fence_in
from holo.common.one_state import ReadsOneState
from holo.common.step_up import is_fresh, page_of_step_up
from holo.common.throttles import Verdict, buckets_of, refuse_excess, spend
from holo.idempotency.commands import Answer, Replayed, RequestKey
from holo.identity.models import User

T = TypeVar("T")
M = TypeVar("M", bound=Model)


class AlwaysJson(BaseContentNegotiation):
    """Answers in JSON whatever is asked for: a problem in JSON helps more than a 406."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        """Return the parser whose media type was sent, if any."""
        sent = (request.content_type or "").partition(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == sent), None)

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        """Return the only renderer."""
        return renderers[0], renderers[0].media_type


def _method(request: Request) -> str | None:
    return "GET" if request.method == "HEAD" else request.method


class ApiView(ReadsOneState, APIView):
    """One address of the API.

    `required_scopes` names the scope of each method; a method without one is closed. `filters` are the query
    parameters of GET; with `ordering` GET is a list with `cursor` and `limit`.
    """

    permission_classes = [RequireScope]
    content_negotiation_class = AlwaysJson
    metadata_class = None
    http_method_names = ["get", "head", "post", "put", "patch", "delete"]
    required_scopes: ClassVar[Mapping[str, str]] = {}
    # Methods for which a session needs a fresh second factor, as the same needs in the admin.
    step_up: ClassVar[frozenset[str]] = frozenset()
    filters: ClassVar[Filters] = {}
    ordering: ClassVar[tuple[str, ...]] = ()
    # Methods that show or make what opens something: besides the others they have a limit of their own.
    sensitive: ClassVar[frozenset[str]] = frozenset()
    # Whether the holder of a public token may call it, given the scope: only what shows and changes nothing
    # of anybody but its buyer.
    by_public_tokens: ClassVar[bool] = False
    # Bytes that a body may have; None: what the server reads.
    largest_body: ClassVar[int | None] = None
    # Whether GET has an ETag of its body; one that a view sets itself stays.
    tagged: ClassVar[bool] = False
    # Methods that honour `If-Match`: each hands `preconditions.check_of` to its service.
    if_match: ClassVar[frozenset[str]] = frozenset()
    # What counting this call came to; None where it is not counted.
    verdict: Verdict | None = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Authenticate and authorise, then look at the address and the length."""
        super().initial(request, *args, **kwargs)
        self._require_step_up(request)
        if "HTTP_TRANSFER_ENCODING" in request.META and not request.META.get("CONTENT_LENGTH"):
            raise LengthRequiredError(_("send the body with Content-Length"), header="Content-Length")
        reads = request.method in ("GET", "HEAD")
        paging = PARAMETERS if self.ordering else ()
        check_parameters(request, (*self.filters, *paging) if reads else ())

    def _require_step_up(self, request: Request) -> None:
        by_session = isinstance(request.auth, Grant) and request.auth.api_key is None
        if by_session and _method(request) in self.step_up and not is_fresh(request._request):
            raise StepUpRequiredError(
                _("show a code of your second factor first"),
                url=settings.PUBLIC_URL + page_of_step_up(reverse("admin:index")),
            )

    def check_throttles(self, request: Request) -> None:
        """Count the call by who makes it, by address where nobody is asked who. Raises ThrottledError."""
        if not isinstance(request.auth, Grant):
            self._count(address=caller_of(request._request))
            return
        key = request.auth.api_key
        person = getattr(request.user, "pk", None)
        organization = key.organization_id if key else None
        self._count(
            credential=key.pk if key else None,
            user=person,
            organization=organization,
            # One stranger with tokens of a shop must leave something to the shop's other buyers.
            public=caller_of(request._request) if request.auth.public else None,
            # Of tokens without a person all together: an organisation makes as many as it likes.
            sensitive=(person or organization) if _method(request) in self.sensitive else None,
        )

    def handle_exception(self, exc: Exception) -> Any:
        """Count the calls of those who are not known, each address on its own; then answer as ever."""
        if isinstance(exc, UnauthenticatedError | KeyInUrlError):
            try:
                self._count(address=caller_of(self.request._request))
            except ThrottledError as refusal:
                exc = refusal
        return super().handle_exception(exc)

    def _count(self, **callers: object) -> None:
        self.verdict = spend(buckets_of(**callers))
        refuse_excess(self.verdict)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Keep private answers out of caches; one with an ETag may be kept by the client and asked about."""
        done: HttpResponseBase = super().finalize_response(request, response, *args, **kwargs)
        kept = add_etag(done, wanted=self.tagged and _method(request) == "GET")
        for name, value in self.verdict.headers().items() if self.verdict else ():
            done.headers[name] = value
        done.headers.setdefault("Cache-Control", "private, no-cache" if kept else "no-store")
        answer_unchanged(request._request, done)
        return done

    @cached_property
    def actor(self) -> Actor:
        """Who calls, in which organisation."""
        grant = grant_of(self.request)
        user = self.request.user if isinstance(self.request.user, User) else None
        assert user is not None or grant.api_key is not None
        organization_id = organization_of(
            user=user, api_key=grant.api_key, slug=self.request.headers.get("X-Organization")
        )
        fence_in([organization_id])
        return Actor(
            user_id=UserId(user.pk) if user else None,
            organization_id=organization_id,
            label=user.email if user else f"token {grant.api_key.prefix if grant.api_key else ''}",
            scopes=grant.scopes,
            api_key_id=grant.api_key.pk if grant.api_key else None,
            environment_id=grant.api_key.environment_id if grant.api_key else None,
            public_token_id=grant.public.jti if grant.public else None,
            buyer=grant.public.buyer if grant.public else None,
        )

    def valid(self, serializer_class: type[Serializer[Any]], **context: object) -> dict[str, Any]:
        """Return the validated body. An empty body counts as `{}` where no field is required."""
        actor = self.actor if self.authentication_classes else None
        serializer = serializer_class(data=self.request.data, context={"actor": actor, **context})
        needs_body = any(field.required and not field.read_only for field in serializer.fields.values())
        if needs_body and self.request.META.get("CONTENT_LENGTH") in (None, "", "0"):
            raise ExpectedObjectError(_("the body must be a JSON object, not empty"))
        if not serializer.is_valid():
            raise refusal_of_fields(field_problems(serializer.errors))
        values: dict[str, Any] = serializer.validated_data
        return values

    def page(
        self,
        queryset: QuerySet[M],
        render: Callable[[M], dict[str, object]],
        *,
        ordering: tuple[str, ...] = (),
    ) -> HttpResponse:
        """Answer with one page of `queryset`, narrowed by `filters`, each row rendered by `render`."""
        narrowed = apply_filters(self.request, queryset, self.filters)
        page = paginate(self.request, narrowed, ordering=ordering or self.ordering)
        results = [render(row) for row in page.rows]
        return self.answer({"next": page.next, "previous": page.previous, "results": results})

    def answer(
        self, body: Mapping[str, object], *, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> HttpResponse:
        """Answer with a JSON object."""
        return _http(_answer(body, status, headers or {}))

    def run_command(
        self,
        call: Callable[[RequestKey], T],
        *,
        render: Callable[[T], dict[str, object]],
        status: int,
        headers: Callable[[T], dict[str, str]] | None = None,
        shown_once: Callable[[T], dict[str, object]] | None = None,
    ) -> HttpResponse:
        """Run one service with the client's key; what is stored under the key is what is sent.

        But for what `shown_once` renders, which takes the place of fields in the first answer alone. Checks
        that rows can change belong into the service: what is refused here is refused to a repeated call too.
        """
        refusals: list[Answer] = []

        def rendered(outcome: T) -> Answer:
            return _answer(render(outcome), status, headers(outcome) if headers else {})

        def refused(error: DomainError) -> Answer:
            found = problem(error, instance=self.request.path)
            refusals[:] = [Answer(status=found.status, body=found.body, headers=found.headers)]
            return refusals[0]

        grant = grant_of(self.request)
        principal = principal_of(self.actor, grant)
        key = RequestKey(
            scope=scope_of(self.request, principal),
            all_scopes=all_scopes_of(principal),
            former_scope=former_scope_of(self.request, grant),
            key=read_idempotency_key(self.request),
            content=content_of(self.request),
            render=rendered,
            render_error=refused,
            before=partial(spend_token, grant.public) if grant.public and grant.public.one_time else None,
        )
        try:
            outcome = call(key)
        except Replayed as replay:
            response = _http(replay.answer)
            response["Idempotent-Replayed"] = "true"
            return response
        except DomainError as error:
            if refusals and error.stored:
                return _http(refusals[0])
            raise
        if shown_once is not None:
            return self.answer({**render(outcome), **shown_once(outcome)}, status=status)
        return _http(key.answer or rendered(outcome))


def _answer(body: Mapping[str, object], status: int, headers: Mapping[str, str]) -> Answer:
    return Answer(
        status=status, body=json_bytes(body), headers={"Content-Type": "application/json", **headers}
    )


def _http(answer: Answer) -> HttpResponse:
    return HttpResponse(answer.body, status=answer.status, headers=answer.headers)
