"""The order endpoints: parse, authorise, one service, render."""

from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request

from holo.apiauth.views import ApiView
from holo.approvals.models import ApprovalDecision
from holo.approvals.services import Decided, decide
from holo.common.api.filters import Filters, choices_filter, moment_filter, text_filter
from holo.common.callers import client_address
from orders import selectors, services
from orders.api import answers, requests
from orders.errors import NotAwaitingApprovalError
from orders.models import Order, Payment
from orders.states import Status

_VERDICTS = {
    "APPROVE": ApprovalDecision.Verdict.APPROVE,
    "REJECT": ApprovalDecision.Verdict.REJECT,
}


class OrderListView(ApiView):
    """Place orders and list them."""

    required_scopes = {"GET": "orders:read", "POST": "orders:write"}
    by_public_tokens = True
    filters: ClassVar[Filters] = {
        "status": choices_filter("status__in", Status.values),
        "client_ref": text_filter("client_ref"),
        "buyer": text_filter("buyer"),
        "number": text_filter("number"),
        "created_at__gte": moment_filter("created_at__gte"),
        "created_at__lt": moment_filter("created_at__lt"),
    }
    ordering = ("-id",)

    @extend_schema(responses=answers.OrderAnswer(many=True), summary="List orders, newest first")
    def get(self, request: Request) -> HttpResponse:
        """Return a page of the organisation's orders."""
        return self.page(selectors.list_orders(self.actor), answers.render_order)

    @extend_schema(
        request=requests.PlaceOrderRequest,
        responses={201: answers.PlacedAnswer},
        summary="Place an order",
    )
    def post(self, request: Request) -> HttpResponse:
        """Place an order that holds its goods; the answer says what it waits for, and until when."""
        placement = requests.placement_of(
            self.valid(requests.PlaceOrderRequest),
            buyer=self.actor.buyer,
            address=client_address(request._request),
        )
        return self.run_command(
            lambda key: services.place_order(actor=self.actor, placement=placement, request_key=key),
            render=answers.render_placed,
            status=201,
            headers=lambda placed: {"Location": answers.links(placed.order)["self"]},
        )


class OrderDetailView(ApiView):
    """One order."""

    required_scopes = {"GET": "orders:read"}
    by_public_tokens = True
    tagged = True

    @extend_schema(responses=answers.OrderDetailAnswer, summary="Show an order and what it waits for")
    def get(self, request: Request, order_id: UUID) -> HttpResponse:
        """Return the order in full, with an ETag that changes with what is shown."""
        order = selectors.get_order(selectors.orders_of(self.actor), order_id)
        body = answers.render_standing(selectors.get_standing(order))
        return self.answer(body if self.actor.buyer is None else answers.shown_to_buyer(body))


class TimelineView(ApiView):
    """What happened to an order."""

    required_scopes = {"GET": "orders:read"}
    by_public_tokens = True
    ordering = ("id",)

    @extend_schema(responses=answers.TimelineEntryAnswer(many=True), summary="Show an order's timeline")
    def get(self, request: Request, order_id: UUID) -> HttpResponse:
        """Return a page of the timeline, oldest first."""
        events = selectors.list_timeline(selectors.orders_of(self.actor), order_id)
        return self.page(
            events,
            answers.render_event if self.actor.buyer is None else answers.render_event_to_buyer,
        )


class PayView(ApiView):
    """Pay an order."""

    required_scopes = {"POST": "orders:write"}
    by_public_tokens = True

    @extend_schema(
        request=requests.PayRequest,
        responses={
            202: OpenApiResponse(answers.PaymentAnswer, "The attempt is committed and will be charged")
        },
        summary="Pay an order",
    )
    def post(self, request: Request, order_id: UUID) -> HttpResponse:
        """Commit a payment attempt; committed before the deadline, it counts."""
        token = self.valid(requests.PayRequest)["token"]
        return self.run_command(
            lambda key: services.request_payment(
                actor=self.actor, order_id=order_id, token=token, request_key=key
            ),
            render=_payment,
            status=202,
            headers=lambda payment: {"Location": f"/api/v1/orders/{payment.order_id}"},
        )


class CancelView(ApiView):
    """Cancel an order."""

    required_scopes = {"POST": "orders:write"}
    by_public_tokens = True

    @extend_schema(
        request=requests.EmptyRequest, responses={202: answers.OrderAnswer}, summary="Cancel an order"
    )
    def post(self, request: Request, order_id: UUID) -> HttpResponse:
        """Commit that the order is given up; what was done is undone."""
        self.valid(requests.EmptyRequest)
        return self.run_command(
            lambda key: services.cancel_order(actor=self.actor, order_id=order_id, request_key=key),
            render=answers.render_order,
            status=202,
        )


class RetryView(ApiView):
    """Retry what failed for good."""

    required_scopes = {"POST": "orders:write"}

    @extend_schema(
        request=requests.EmptyRequest, responses={202: answers.OrderAnswer}, summary="Retry parked steps"
    )
    def post(self, request: Request, order_id: UUID) -> HttpResponse:
        """Ask that the parked steps run again."""
        self.valid(requests.EmptyRequest)
        return self.run_command(
            lambda key: services.request_retry(actor=self.actor, order_id=order_id, request_key=key),
            render=answers.render_order,
            status=202,
        )


class AuditView(ApiView):
    """Decide about an order."""

    required_scopes = {"POST": "orders:audit"}
    step_up = frozenset({"POST"})

    @extend_schema(
        request=requests.DecideRequest,
        responses={202: answers.DecidedAnswer},
        summary="Approve or reject an order",
    )
    def post(self, request: Request, order_id: UUID) -> HttpResponse:
        """Commit a decision; `applied_at` stays null until the order's process has acted on it."""
        values = self.valid(requests.DecideRequest)
        order = selectors.get_order(selectors.orders_of(self.actor), order_id)
        approval = selectors.find_approval(order)
        if approval is None:
            raise NotAwaitingApprovalError(
                _("the order is %(status)s") % {"status": order.status}, status=order.status
            )
        return self.run_command(
            lambda key: decide(
                actor=self.actor,
                request_id=approval.pk,
                verdict=_VERDICTS[values["action"]],
                reason=values["reason"],
                digest_seen=values.get("digest"),
                request_key=key,
            ),
            render=lambda decided: _decided(order, decided),
            status=202,
        )


def _payment(payment: Payment) -> dict[str, Any]:
    return dict(answers.PaymentAnswer(payment).data)


def _decided(order: Order, decided: Decided) -> dict[str, Any]:
    return dict(
        answers.DecidedAnswer(
            {
                "order_id": order.pk,
                "request_id": decided.request_id,
                "verdict": decided.verdict,
                "state": decided.state,
                "decided_at": decided.decided_at,
                "applied_at": decided.applied_at,
            }
        ).data
    )
