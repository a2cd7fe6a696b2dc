"""Good requests that are refused because of what is in the database; `scene` prepares it."""

from tests.bad_inputs.cases.rows import Scene
from tests.bad_inputs.cases.scenes_of_people import OF_PEOPLE

_COMMANDS = ("POST order-list", "POST order-pay", "POST order-cancel", "POST order-retry", "POST order-audit")
_ON_ORDERS = _COMMANDS[1:]
_WRONG_STATE = "a command that the order's state does not take"


def _state(endpoint: str, scene: str, code: str) -> Scene:
    return Scene(
        id="A33",
        what=_WRONG_STATE,
        code=code,
        endpoint=f"POST order-{endpoint}",
        scene=scene,
        status=409,
        tells=("status",),
    )


SCENES = (
    Scene(
        id="A17",
        what="a line whose price is in another currency",
        code="orders.unsupported_currency",
        endpoint="POST order-list",
        scene="another currency",
        status=422,
    ),
    Scene(
        id="A27",
        what="more pieces than there are",
        code="orders.out_of_stock",
        endpoint="POST order-list",
        scene="more than there is",
        status=409,
        tells=("shortages",),
        counted_in="inventory_refuseddemand",
        pointer="/items/1",
    ),
    Scene(
        id="A26",
        what="a SKU that no active product has",
        code="inventory.unknown_sku",
        endpoint="POST order-list",
        scene="unknown sku",
        status=422,
        pointer="/items/1",
    ),
    Scene(
        id="A26",
        what="a SKU that no active product has",
        code="inventory.unknown_sku",
        endpoint="POST order-list",
        scene="inactive sku",
        status=422,
        pointer="/items/1",
    ),
    Scene(
        id="A28",
        what="a sum beyond 64 bits",
        code="request.amount_overflow",
        endpoint="POST order-list",
        scene="price times quantity",
        status=400,
    ),
    Scene(
        id="A28",
        what="an amount beyond 64 bits",
        code="request.amount_overflow",
        endpoint="POST order-list",
        scene="huge amount",
        status=400,
        pointer="/amount",
    ),
    *(
        Scene(
            id="A30",
            what="an Idempotency-Key with another body",
            code="request.idempotency_key_reused",
            endpoint=endpoint,
            scene="key used",
            status=422,
        )
        for endpoint in ("POST order-list", "POST order-pay", "POST order-audit")
    ),
    Scene(
        id="A30",
        what="an Idempotency-Key whose fingerprint was made with a secret that is lost",
        code="request.idempotency_key_unverifiable",
        endpoint="POST order-list",
        scene="fingerprint secret lost",
        status=409,
    ),
    *(
        Scene(
            id="A31",
            what="an Idempotency-Key whose first request has not ended",
            code="request.idempotency_key_in_flight",
            endpoint=endpoint,
            scene="key in flight",
            status=409,
            retry_after=True,
        )
        for endpoint in _COMMANDS
    ),
    _state("pay", "placed", "orders.not_payable"),
    _state("pay", "being cancelled", "orders.not_payable"),
    _state("pay", "cancelled", "orders.not_payable"),
    _state("cancel", "cancelled", "orders.not_cancellable"),
    _state("cancel", "completed", "orders.not_cancellable"),
    _state("cancel", "handed over", "orders.not_cancellable"),
    _state("retry", "placed", "orders.nothing_to_retry"),
    _state("retry", "cancelled", "orders.nothing_to_retry"),
    _state("retry", "completed", "orders.nothing_to_retry"),
    _state("audit", "placed", "orders.not_awaiting_approval"),
    _state("audit", "awaiting payment", "orders.not_awaiting_approval"),
    _state("audit", "completed", "orders.not_awaiting_approval"),
    *(
        Scene(
            id="A33",
            what="a second payment",
            code="orders.payment_open",
            endpoint="POST order-pay",
            scene=scene,
            status=409,
            tells=("payment_id",),
        )
        for scene in ("being paid", "completed")
    ),
    Scene(
        id="A33",
        what="a payment after its deadline",
        code="orders.payment_deadline_passed",
        endpoint="POST order-pay",
        scene="payment overdue",
        status=409,
    ),
    Scene(
        id="A33",
        what="a decision about what has been decided",
        code="approvals.already_decided",
        endpoint="POST order-audit",
        scene="decided",
        status=409,
        tells=("state", "decided_by", "decided_at"),
    ),
    Scene(
        id="A33",
        what="a decision after its deadline",
        code="approvals.request_expired",
        endpoint="POST order-audit",
        scene="decision overdue",
        status=409,
        tells=("state", "deadline"),
    ),
    Scene(
        id="A33",
        what="a decision about what has been cancelled",
        code="approvals.request_withdrawn",
        endpoint="POST order-audit",
        scene="withdrawn",
        status=409,
        tells=("state",),
    ),
    Scene(
        id="A62",
        what="a decision about other content than is there now",
        code="approvals.content_changed",
        endpoint="POST order-audit",
        scene="another digest",
        status=409,
    ),
    Scene(
        id="A63",
        what="a decision about one's own order",
        code="approvals.second_person_required",
        endpoint="POST order-audit",
        scene="own order",
        status=403,
    ),
    Scene(
        id="A64",
        what="a client_ref that names another order",
        code="orders.client_ref_taken",
        endpoint="POST order-list",
        scene="client_ref taken",
        status=409,
        tells=("order_id", "number", "link"),
    ),
    Scene(
        id="A84",
        what="more pieces than unpaid orders of one buyer may hold",
        code="orders.buyer_limit",
        endpoint="POST order-list",
        scene="a buyer of much",
        status=409,
        tells=("held", "wanted", "allowed"),
    ),
    Scene(
        id="A65",
        what="another amount than the lines cost",
        code="orders.amount_mismatch",
        endpoint="POST order-list",
        scene="another amount",
        status=422,
        pointer="/amount",
        tells=("expected", "actual"),
    ),
    Scene(
        id="A21",
        what="a cursor of another list",
        code="request.invalid_cursor",
        endpoint="GET order-list",
        scene="foreign cursor",
        status=400,
        pointer="cursor",
    ),
    Scene(
        id="A21",
        what="a cursor that was tampered with",
        code="request.invalid_cursor",
        endpoint="GET order-list",
        scene="tampered cursor",
        status=400,
        pointer="cursor",
    ),
    *(
        Scene(
            id="A39",
            what="a key that has ended",
            code="request.unauthenticated",
            endpoint="GET order-list",
            scene=scene,
            status=401,
        )
        for scene in (
            "bad checksum",
            "wrong secret",
            "expired key",
            "revoked key",
            "owner gone",
            "owner left",
        )
    ),
    *(
        Scene(
            id="A66",
            what="an order that somebody else holds locked",
            code="request.busy",
            endpoint=endpoint,
            scene="order locked",
            status=503,
            retry_after=True,
        )
        for endpoint in _ON_ORDERS
    ),
    *(
        Scene(
            id="A67",
            what="a database that does not answer",
            code="request.unavailable",
            endpoint=endpoint,
            scene="database down",
            status=503,
            retry_after=True,
        )
        for endpoint in ("GET order-list", "GET order-detail", "GET stock-list", *_COMMANDS)
    ),
    *OF_PEOPLE,
)
