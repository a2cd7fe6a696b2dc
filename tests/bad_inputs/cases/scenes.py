"""Good requests that are refused because of what is in the database; `scene` prepares it."""

from tests.bad_inputs.cases.rows import Scene

_COMMANDS = ("POST order-list", "POST order-pay", "POST order-cancel", "POST order-retry", "POST order-audit")
_ON_ORDERS = _COMMANDS[1:]
_OF_MANAGERS = (
    "PATCH member-detail",
    "DELETE member-detail",
    "POST invitation-list",
    "DELETE invitation-detail",
    "GET variable-detail",
    "POST variable-list",
    "PATCH variable-detail",
    "DELETE variable-detail",
    "POST variable-import",
    "POST project-list",
    "PATCH project-detail",
    "POST environment-list",
)
_STEPPED_UP = (
    "POST order-audit",
    "POST personal-token-list",
    "POST organization-token-list",
    "PATCH member-detail",
    "DELETE member-detail",
    "POST invitation-list",
    "GET variable-detail",
    "POST user-change-list",
)
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
    _state("pay", "awaiting approval", "orders.not_payable"),
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
    *(
        Scene(
            id="A70",
            what="a change of the organisation by who does not manage it",
            code="identity.role_required",
            endpoint=endpoint,
            scene="plain member",
            status=403,
            tells=("roles",),
        )
        for endpoint in _OF_MANAGERS
    ),
    Scene(
        id="A71",
        what="a role given by who lacks it",
        code="identity.role_not_held",
        endpoint="PATCH member-detail",
        scene="role not held",
        status=403,
        tells=("held",),
    ),
    Scene(
        id="A71",
        what="a role given by who lacks it",
        code="identity.role_not_held",
        endpoint="POST invitation-list",
        scene="role not held",
        status=403,
        tells=("held",),
    ),
    Scene(
        id="A75",
        what="an invitation of who is a member",
        code="identity.already_member",
        endpoint="POST invitation-list",
        scene="already member",
        status=409,
    ),
    Scene(
        id="A76",
        what="no e-mail address",
        code="request.invalid_text",
        endpoint="POST invitation-list",
        scene="no address",
        status=400,
        pointer="/email",
    ),
    Scene(
        id="A77",
        what="a variable that is there already",
        code="secretstore.variable_exists",
        endpoint="POST variable-list",
        scene="variable exists",
        status=409,
        tells=("name",),
    ),
    *(
        Scene(
            id="A78",
            what="a variable whose name is none, or a .env file with a line that does not fit",
            code="request.invalid_text",
            endpoint=endpoint,
            scene=scene,
            status=400,
            pointer=pointer,
        )
        for endpoint, scene, pointer in (
            ("POST variable-list", "no variable name", "/name"),
            ("POST variable-import", "no dotenv", "/dotenv"),
        )
    ),
    Scene(
        id="A79",
        what="a key from where it does not work",
        code="apiauth.address_not_allowed",
        endpoint="GET order-list",
        scene="foreign address",
        status=403,
        tells=("address",),
    ),
    *(
        Scene(
            id="A80",
            what="a call too many",
            code="request.throttled",
            endpoint=endpoint,
            scene="call too many",
            status=429,
            tells=("limit",),
            retry_after=True,
        )
        for endpoint in ("GET order-list", "POST order-list")
    ),
    *(
        Scene(
            id="A72",
            what="an organisation that would be left without an owner",
            code="identity.last_owner",
            endpoint=endpoint,
            scene="last owner",
            status=409,
        )
        for endpoint in ("PATCH member-detail", "DELETE member-detail")
    ),
    Scene(
        id="A73",
        what="a short name that is taken",
        code="identity.project_slug_taken",
        endpoint="POST project-list",
        scene="project slug taken",
        status=409,
        tells=("slug",),
    ),
    Scene(
        id="A73",
        what="a short name that is taken",
        code="identity.environment_slug_taken",
        endpoint="POST environment-list",
        scene="environment slug taken",
        status=409,
        tells=("slug",),
    ),
    Scene(
        id="A74",
        what="a short name of another form",
        code="request.invalid",
        endpoint="POST project-list",
        scene="short name",
        status=400,
        pointer="/slug",
    ),
    Scene(
        id="A81",
        what="a second create of a user",
        code="identity.user_exists",
        endpoint="POST user-change-list",
        scene="user exists",
        status=409,
    ),
    Scene(
        id="A81",
        what="an update of nobody",
        code="identity.user_unknown",
        endpoint="POST user-change-list",
        scene="user unknown",
        status=409,
    ),
    Scene(
        id="A81",
        what="a user with somebody's address",
        code="identity.email_taken",
        endpoint="POST user-change-list",
        scene="email taken",
        status=409,
    ),
    Scene(
        id="A81",
        what="an update of who belongs elsewhere too",
        code="identity.user_shared",
        endpoint="POST user-change-list",
        scene="user shared",
        status=409,
    ),
    Scene(
        id="A81",
        what="a second change of a user at the same time",
        code="identity.user_change_running",
        endpoint="POST user-change-list",
        scene="user change running",
        status=409,
        retry_after=True,
    ),
    Scene(
        id="A81",
        what="a cancel of what has ended",
        code="identity.user_change_over",
        endpoint="POST user-change-cancel",
        scene="user change over",
        status=409,
        tells=("status",),
    ),
    *(
        Scene(
            id="A99",
            what="a session whose second factor was shown long ago",
            code="request.step_up_required",
            endpoint=endpoint,
            scene="stale session",
            status=403,
            tells=("url",),
        )
        for endpoint in _STEPPED_UP
    ),
    *(
        Scene(
            id="A82",
            what=what,
            code=f"apiauth.public_token_{code}",
            endpoint="GET order-list",
            scene=f"public token {code}",
            status=401,
        )
        for code, what in (
            ("expired", "a public token whose time is over"),
            ("claim_invalid", "a public token for another audience"),
            ("signature_invalid", "a public token that was changed"),
            ("used", "a second use of a public token for one"),
        )
    ),
    Scene(
        id="A82",
        what="a public token of a key that is for no environment",
        code="apiauth.environment_required",
        endpoint="POST public-token",
        scene="key of no environment",
        status=409,
    ),
)
