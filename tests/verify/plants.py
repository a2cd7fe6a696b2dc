"""Violations to plant as the owner of the tables, each with the invariants that it breaks."""

_ANSWER = """
INSERT INTO idempotency_idempotencylog
    (scope, key, fingerprint, status, headers, body, created_at, expires_at)
VALUES ('http:x:POST:orders:', '{key}', 'f', {status}, '{headers}', 'ok', now(), now() + interval '1 day')
"""
_STEP = """INSERT INTO idempotency_idempotencylog (scope, key, fingerprint, result, headers, body, created_at)
VALUES ('step', '{fulfilling}:complete', '', '{{}}', '{{}}', '', now())
"""
_SECRET = """
INSERT INTO secretstore_secret (id, organization_id, name, version, deleted_at, created_at)
VALUES (gen_random_uuid(), '{{organization}}', 'x', {version}, {deleted}, now())
"""

# What is planted, how, and every invariant that it breaks: some say the same thing from two sides.
PLANTS: list[tuple[str, str, set[str]]] = [
    (
        "more reserved than there is",
        """
        ALTER TABLE inventory_stocklevel DROP CONSTRAINT inventory_stocklevel_reserved_fits;
        INSERT INTO inventory_stockmovement (organization_id, stock_level_id, product_id, warehouse_id, kind,
                                             quantity, owner_type, actor_label, note)
        SELECT organization_id, id, product_id, warehouse_id, 'adjustment', reserved - 1 - on_hand, '', 'me',
               ''
        FROM inventory_stocklevel WHERE id = {east};
        UPDATE inventory_stocklevel SET on_hand = reserved - 1 WHERE id = {east};
        """,
        {"I01", "I32"},
    ),
    (
        "a thousand pieces more, by a movement that the trail does not know",
        """
        INSERT INTO inventory_stockmovement (organization_id, stock_level_id, product_id, warehouse_id, kind,
                                             quantity, owner_type, actor_label, note)
        SELECT organization_id, id, product_id, warehouse_id, 'adjustment', 1000, '', 'me', ''
        FROM inventory_stocklevel WHERE id = {east};
        UPDATE inventory_stocklevel SET on_hand = on_hand + 1000 WHERE id = {east};
        """,
        {"I32"},
    ),
    (
        "pieces moved between shelves without a movement",
        "UPDATE inventory_stocklevel SET on_hand = on_hand + CASE id WHEN {east} THEN 1 ELSE -1 END"
        " WHERE id IN ({east}, {south})",
        {"I02"},
    ),
    (
        "a movement that nobody made",
        """
        ALTER TABLE inventory_stockmovement DISABLE TRIGGER USER;
        UPDATE inventory_stockmovement SET actor_label = '' WHERE stock_level_id = {south};
        """,
        {"I02"},
    ),
    (
        "a counter that no hold explains",
        "UPDATE inventory_stocklevel SET reserved = reserved + 1 WHERE id = {east}",
        {"I03", "I04"},
    ),
    (
        "pieces out of nothing",
        "UPDATE inventory_stocklevel SET on_hand = on_hand + 1 WHERE id = {east}",
        {"I02", "I04"},
    ),
    (
        "more sold than received",
        """
        ALTER TABLE orders_orderline DISABLE TRIGGER USER;
        UPDATE orders_orderline SET quantity = 1000, unit_price_minor = 50 WHERE order_id = '{completed}';
        """,
        {"I04", "I08"},
    ),
    (
        "a held line of nothing",
        """
        ALTER TABLE inventory_reservationline DISABLE TRIGGER USER;
        ALTER TABLE inventory_reservationline DROP CONSTRAINT inventory_reservationline_quantity;
        UPDATE inventory_reservationline SET quantity = 0 WHERE reservation_id IN (
            SELECT id FROM inventory_reservation WHERE owner_id = '{cancelled}');
        """,
        {"I05"},
    ),
    (
        "a shipment line of nothing",
        """
        ALTER TABLE orders_shipmentline DISABLE TRIGGER USER;
        UPDATE orders_shipmentline SET quantity = 0 WHERE shipment_id IN (
            SELECT id FROM orders_shipment WHERE order_id = '{refunded}');
        """,
        {"I05"},
    ),
    (
        "an end without a time",
        """
        ALTER TABLE inventory_reservation DISABLE TRIGGER USER;
        ALTER TABLE inventory_reservation DROP CONSTRAINT inventory_reservation_ended_when_over;
        UPDATE inventory_reservation SET ended_at = NULL WHERE owner_id = '{cancelled}';
        """,
        {"I06"},
    ),
    (
        "a hold past its time",
        "UPDATE inventory_reservation SET expires_at = now() - interval '61 s' WHERE owner_id = '{waiting}'",
        {"I06"},
    ),
    (
        "goods that left without their hold",
        """
        ALTER TABLE inventory_stockmovement DISABLE TRIGGER USER;
        UPDATE inventory_stockmovement SET kind = 'adjustment', reservation_line_id = NULL
        WHERE owner_id = '{completed}';
        """,
        {"I07", "I32"},
    ),
    (
        "a live order without its hold",
        """
        UPDATE inventory_reservation SET state = 'released', ended_at = now() WHERE owner_id = '{waiting}';
        UPDATE inventory_stocklevel SET reserved = reserved - 2 WHERE id = {east};
        """,
        {"I08"},
    ),
    (
        "a dead order with a hold",
        """
        ALTER TABLE inventory_reservation DISABLE TRIGGER USER;
        UPDATE inventory_reservation SET state = 'held', ended_at = NULL WHERE owner_id = '{cancelled}';
        UPDATE inventory_stocklevel SET reserved = reserved + 1 WHERE id = {east};
        """,
        {"I08"},
    ),
    (
        "a total that is not the sum",
        "UPDATE orders_order SET total_minor = total_minor + 1 WHERE id = '{waiting}'",
        {"I14"},
    ),
    (
        "amounts with fractions",
        "ALTER TABLE orders_payment ALTER COLUMN amount_minor TYPE numeric",
        {"I14"},
    ),
    (
        "a free product",
        """
        ALTER TABLE inventory_product DROP CONSTRAINT inventory_product_price;
        UPDATE inventory_product SET price_minor = 0 WHERE sku = 'MacPro';
        """,
        {"I14"},
    ),
    (
        "a finished order with a parked step",
        """
        INSERT INTO orders_parkedstep (organization_id, order_id, step, attempts, error_code, message,
                                       parked_at, retry_requested_at)
        VALUES ('{organization}', '{completed}', 'x', 1, 'x', 'x', now(), now());
        """,
        {"I15"},
    ),
    (
        "an order that needs attention for nothing",
        "UPDATE orders_parkedstep SET resolved_at = now() WHERE order_id = '{parked}'",
        {"I15"},
    ),
    (
        "an end that its abort did not say",
        """
        ALTER TABLE orders_orderabort DISABLE TRIGGER USER;
        UPDATE orders_orderabort SET ends_as = 'rejected' WHERE order_id = '{cancelled}';
        """,
        {"I15"},
    ),
    (
        "a gap in the timeline",
        """
        ALTER TABLE orders_orderevent DISABLE TRIGGER USER;
        DELETE FROM orders_orderevent WHERE order_id = '{paying}' AND kind = 'payment_requested';
        """,
        {"I16"},
    ),
    (
        "a move that is not in the table",
        """
        ALTER TABLE orders_orderevent DISABLE TRIGGER USER;
        UPDATE orders_orderevent SET from_status = 'placed' WHERE order_id = '{completed}'
            AND to_status = 'completed';
        """,
        {"I16"},
    ),
    (
        "a status that the timeline does not know",
        """
        ALTER TABLE orders_order DISABLE TRIGGER USER;
        UPDATE orders_order SET status = 'awaiting_approval' WHERE id = '{waiting}';
        """,
        {"I16"},
    ),
    (
        "something not undone",
        """
        ALTER TABLE orders_orderevent DISABLE TRIGGER USER;
        UPDATE orders_orderevent SET kind = 'noted'
        WHERE order_id = '{cancelled}' AND kind = 'stock_released';
        """,
        {"I17"},
    ),
    (
        "undone in the wrong order",
        """
        ALTER TABLE orders_orderevent DISABLE TRIGGER USER;
        UPDATE orders_orderevent e SET kind = CASE kind WHEN 'stock_released' THEN 'payment_refunded'
                                                       ELSE 'stock_released' END,
            data = (SELECT data FROM orders_orderevent o WHERE o.order_id = e.order_id
                    AND o.kind = 'payment_refunded') || jsonb_build_object('moved', e.id)
        WHERE order_id = '{refunded}' AND kind IN ('stock_released', 'payment_refunded');
        """,
        {"I17"},
    ),
    (
        "a label that was not voided",
        """
        ALTER TABLE orders_orderevent DISABLE TRIGGER USER;
        UPDATE orders_orderevent SET kind = 'noted'
        WHERE order_id = '{refunded}' AND kind = 'shipment_voided';
        """,
        {"I17"},
    ),
    (
        "an answered order that is not there",
        _ANSWER.format(
            key="k",
            status=201,
            headers='{{"Location": "/api/v1/orders/01990000-0000-7000-8000-000000000000"}}',
        ),
        {"I18"},
    ),
    (
        "a completed order that was paid back",
        """
        UPDATE orders_payment SET state = 'refunded', refunded_at = now() WHERE order_id = '{completed}';
        UPDATE orders_sandboxcharge SET state = 'refunded' WHERE key = (
            SELECT id::text FROM orders_payment WHERE order_id = '{completed}');
        """,
        {"I21"},
    ),
    (
        "a capture that was never told",
        """
        ALTER TABLE orders_orderevent DISABLE TRIGGER USER;
        UPDATE orders_orderevent SET kind = 'noted'
        WHERE order_id = '{completed}' AND kind = 'payment_captured';
        """,
        {"I21"},
    ),
    (
        "another amount at the gateway",
        "UPDATE orders_sandboxcharge SET amount_minor = amount_minor + 1 WHERE key = ("
        "SELECT id::text FROM orders_payment WHERE order_id = '{completed}')",
        {"I22"},
    ),
    (
        "a charge that belongs to no payment",
        "INSERT INTO orders_sandboxcharge (key, token, amount_minor, currency, state, captures, refunds,"
        " created_at) VALUES ('orphan', 'tok_ok', 1, 'CNY', 'authorised', 0, 0, now())",
        {"I22"},
    ),
    (
        "captured there and long unknown here",
        """
        UPDATE orders_payment SET submitted_at = now() - interval '61 s' WHERE order_id = '{paying}';
        INSERT INTO orders_sandboxcharge (key, token, amount_minor, currency, state, captures, refunds,
                                          created_at)
        SELECT id::text, token, amount_minor, currency, 'captured', 1, 0, now() FROM orders_payment
        WHERE order_id = '{paying}';
        """,
        {"I22"},
    ),
    (
        "a verdict turned round",
        """
        ALTER TABLE approvals_approvaldecision DISABLE TRIGGER USER;
        UPDATE approvals_approvaldecision SET verdict = 'reject' WHERE verdict = 'approve';
        """,
        {"I23"},
    ),
    (
        "an effect without its decision",
        """
        ALTER TABLE approvals_approvalrequest DISABLE TRIGGER USER;
        UPDATE approvals_approvalrequest SET applied_at = NULL WHERE state = 'rejected';
        """,
        {"I23"},
    ),
    (
        "a request that nobody decides about any more",
        "UPDATE approvals_approvalrequest SET state = 'withdrawn', closed_at = now()"
        " WHERE subject_id = '{undecided}'",
        {"I23"},
    ),
    (
        "a decision by whoever placed the order",
        """
        ALTER TABLE approvals_approvaldecision DISABLE TRIGGER USER;
        UPDATE approvals_approvaldecision SET actor_id = '{seller}' WHERE verdict = 'approve';
        """,
        {"I24"},
    ),
    (
        "a decision after the deadline",
        """
        ALTER TABLE approvals_approvalrequest DISABLE TRIGGER USER;
        UPDATE approvals_approvalrequest SET deadline = closed_at WHERE state = 'approved';
        """,
        {"I24"},
    ),
    (
        "content changed after the decision",
        """
        ALTER TABLE orders_orderline DISABLE TRIGGER USER;
        UPDATE orders_orderline SET name = 'Other' WHERE order_id = '{approved}';
        """,
        {"I24"},
    ),
    (
        "an order that somebody else placed",
        "UPDATE orders_order SET created_by_id = '{stranger}' WHERE id = '{approved}'",
        {"I24"},
    ),
    (
        "an order that should have been decided about",
        """
        ALTER TABLE orders_orderevent DISABLE TRIGGER USER;
        UPDATE orders_orderevent
        SET data = jsonb_set(data, '{{approval_above,amount}}', '"1.00"')
        WHERE order_id = '{waiting}' AND kind = 'stock_reserved';
        """,
        {"I25"},
    ),
    (
        "a step in progress for ever",
        """
        ALTER TABLE idempotency_idempotencylog DISABLE TRIGGER USER;
        UPDATE idempotency_idempotencylog SET result = NULL WHERE key = '{completed}:complete';
        """,
        {"I26"},
    ),
    (
        "a stored failure",
        _ANSWER.format(key="k", status=500, headers="{{}}"),
        {"I26"},
    ),
    (
        "a message that nobody delivers",
        "UPDATE outbox_outboxmessage SET created_at = now() - interval '61 s' WHERE key ="
        " 'orders.order:{placed}'",
        {"I27"},
    ),
    (
        "a message given up without a reason",
        "UPDATE outbox_outboxmessage SET dead_at = now() WHERE key = 'orders.order:{placed}'",
        {"I27"},
    ),
    (
        "messages out of order",
        "UPDATE outbox_outboxmessage SET delivered_at = now() WHERE key = 'orders.order:{paying}'"
        " AND topic = 'orders.payment_requested'",
        {"I27"},
    ),
    (
        "an audit row without its change",
        "INSERT INTO audit_auditevent (organization_id, actor_label, action, subject_type, subject_id, data,"
        " request_id, created_at) VALUES ('{organization}', 'x', 'orders.order_placed', 'orders.order',"
        " '{organization}', '{{}}', '', now())",
        {"I32"},
    ),
    (
        "a decision without its audit row",
        """
        ALTER TABLE audit_auditevent DISABLE TRIGGER USER;
        DELETE FROM audit_auditevent WHERE action = 'approvals.approval_decided';
        """,
        {"I32"},
    ),
    (
        "a shipment handed over in the row alone",
        "ALTER TABLE orders_shipment DISABLE TRIGGER USER; UPDATE orders_shipment"
        " SET state = 'handed_over', handed_over_at = now() WHERE order_id = '{fulfilling}'",
        {"I16"},
    ),
    (
        "an invitation that nobody sent",
        "INSERT INTO identity_invitation (id, organization_id, email, role, state, token_hash, invited_as,"
        " created_at, expires_at) VALUES (gen_random_uuid(), '{organization}', 'thief@example.com', 'owner',"
        " 'open', 'x', '', now(), now() + interval '1 day')",
        {"I32"},
    ),
    ("a step left out by its key alone", _STEP, {"I18"}),
    ("a secret deleted by nobody", _SECRET.format(version=0, deleted="now()"), {"I33"}),
    ("a secret without its newest version", _SECRET.format(version=1, deleted="NULL"), {"I33"}),
]
