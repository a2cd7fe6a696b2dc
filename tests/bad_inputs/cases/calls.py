"""Refusals that only services meet: in a race, or called by a program of ours."""

from tests.bad_inputs.cases.rows import Call

CALLS = (
    Call(
        id="R08",
        what="a parcel that the carrier will not take",
        code="orders.handover_refused",
        scene="refused parcel",
    ),
    Call(
        id="R01",
        what="a second hold for the same owner",
        code="inventory.already_reserved",
        scene="hold twice",
    ),
    Call(
        id="R02", what="use of a hold that has ended", code="inventory.reservation_ended", scene="hold ended"
    ),
    Call(id="R03", what="a price of nothing", code="inventory.price_out_of_range", scene="no price"),
    Call(
        id="R04", what="a quantity out of range", code="inventory.quantity_out_of_range", scene="no quantity"
    ),
    Call(id="R05", what="a SKU that is taken", code="inventory.sku_taken", scene="sku taken"),
    Call(
        id="R06",
        what="a warehouse code that is taken",
        code="inventory.warehouse_code_taken",
        scene="code taken",
    ),
    Call(
        id="R07",
        what="a move that the table does not have",
        code="orders.invalid_transition",
        scene="wrong move",
    ),
    Call(
        id="R21",
        what="an invitation that has ended",
        code="identity.invitation_over",
        scene="invitation over",
    ),
    Call(
        id="R22",
        what="a new account for an address that has one",
        code="identity.person_known",
        scene="person known",
    ),
    Call(
        id="R09", what="a decision by who is no auditor", code="approvals.not_an_auditor", scene="no auditor"
    ),
    Call(id="R10", what="a scope that does not exist", code="apiauth.unknown_scope", scene="unknown scope"),
    Call(
        id="R11", what="a scope that the owner lacks", code="apiauth.scope_not_held", scene="scope not held"
    ),
    Call(
        id="R12",
        what="a key to decide in another's name",
        code="apiauth.own_key_only",
        scene="key for another",
    ),
    Call(id="R13", what="a key for ever", code="apiauth.key_lifetime", scene="long life"),
    Call(id="R14", what="a collision that does not end", code="request.conflict", scene="serialization"),
    Call(
        id="R15", what="a unique index that refuses", code="request.conflict_duplicate", scene="unique index"
    ),
    Call(
        id="R16",
        what="a check of the database that refuses",
        code="request.conflict_constraint",
        scene="check",
    ),
    Call(id="R17", what="what nobody expected", code="request.internal_error", scene="bug"),
    Call(
        id="R18",
        what="no Temporal at its address",
        code="workflows.temporal_unavailable",
        scene="no temporal",
    ),
    Call(
        id="R19",
        what="a workflow that is not there",
        code="workflows.workflow_not_found",
        scene="no workflow",
    ),
    Call(id="R20", what="a call that Temporal refuses", code="workflows.call_refused", scene="refused call"),
    Call(id="R23", what="a secret that is not there", code="secretstore.secret_not_found", scene="no secret"),
    Call(id="R24", what="no name of a secret", code="secretstore.name_invalid", scene="no name"),
    Call(id="R25", what="a secret that is no JSON", code="secretstore.value_invalid", scene="no json"),
    Call(
        id="R26",
        what="a secret of another form than its reader expects",
        code="secretstore.value_unexpected",
        scene="another form",
    ),
    Call(id="R27", what="a secret without a key ring", code="secretstore.keyring_missing", scene="no ring"),
    Call(id="R28", what="a secret whose key is gone", code="secretstore.key_unknown", scene="key gone"),
    Call(
        id="R29",
        what="a secret whose key is another one",
        code="secretstore.secret_damaged",
        scene="another key",
    ),
    Call(id="R30", what="a key that is replaced twice", code="apiauth.key_ended", scene="replaced twice"),
    Call(
        id="R31", what="a replaced key that works for ever", code="apiauth.grace_invalid", scene="long grace"
    ),
    Call(
        id="R32",
        what="a code from the command line that nobody has decided about",
        code="apiauth.authorization_pending",
        scene="code open",
        notes=frozenset({"apiauth_authorizationcode"}),
    ),
    Call(
        id="R33",
        what="a code that is asked about twice at once",
        code="apiauth.slow_down",
        scene="code asked",
    ),
    Call(
        id="R34",
        what="a code that the person refused",
        code="apiauth.authorization_refused",
        scene="code refused",
    ),
    Call(
        id="R35",
        what="a code whose token was given out",
        code="apiauth.authorization_over",
        scene="code used",
    ),
    Call(
        id="R36",
        what="more codes than an address gets",
        code="apiauth.too_many_codes",
        scene="many codes",
    ),
    Call(
        id="R37",
        what="a workflow's payload whose key is another one",
        code="workflows.payload_unreadable",
        scene="sealed payload",
    ),
    Call(
        id="R38",
        what="a refund of an order that goes on, started by hand",
        code="orders.step_not_allowed",
        scene="refund of what goes on",
    ),
    Call(
        id="R39",
        what="a delete by a change that asked for a new user, started by hand",
        code="identity.step_not_allowed",
        scene="delete for a create",
    ),
)
