/* What the app role must not get through by raw SQL: a title, then the statement. `:paid` is an order that is
   paid and labelled, `:waiting` one that waits for its payment; both are of the same organisation. */

-- who placed an order
UPDATE orders_order
SET created_by_id = (SELECT id FROM identity_user LIMIT 1)
WHERE id = :paid;

-- its number
UPDATE orders_order
SET number = 'SO-1';

-- the client's reference
UPDATE orders_order
SET client_ref = 'x';

-- when it was placed
UPDATE orders_order
SET created_at = now() - interval '1 year';

-- its total
UPDATE orders_order
SET total_minor = 1;

-- its tenant
UPDATE orders_order
SET organization_id = (SELECT max(id::text)::uuid FROM identity_organization);

-- its buyer
UPDATE orders_order
SET buyer = 'somebody';

-- what the sandbox shall do
UPDATE orders_order
SET sandbox = '{}';

-- the key it came by
UPDATE orders_order
SET api_key_id = NULL;

-- where a labelled order goes
UPDATE orders_order
SET ship_to = '{}'
WHERE id = :paid;

-- an order deleted
DELETE
FROM orders_order;

-- a line of a product of others
INSERT INTO orders_orderline (organization_id, order_id, product_id, position, sku, name, quantity,
unit_price_minor)
SELECT o.organization_id, o.id, p.id, 9, 'x', 'x', 1, 1
FROM orders_order o
JOIN inventory_product p ON p.organization_id <> o.organization_id
WHERE o.id = :paid LIMIT 1;

-- a line in the name of others
INSERT INTO orders_orderline (organization_id, order_id, product_id, position, sku, name, quantity,
unit_price_minor)
SELECT p.organization_id, o.id, p.id, 9, 'x', 'x', 1, 1
FROM orders_order o
JOIN inventory_product p ON p.organization_id <> o.organization_id
WHERE o.id = :paid LIMIT 1;

-- an entry of others
INSERT INTO orders_orderevent (order_id, organization_id, version, kind, from_status, to_status,
actor_label, data, request_id, created_at)
SELECT id, (SELECT id FROM identity_organization n WHERE n.id <> organization_id LIMIT 1), version + 1,
'note', '', '', 'x', '{}', '', now()
FROM orders_order
WHERE id = :paid;

-- an entry out of turn
INSERT INTO orders_orderevent (order_id, organization_id, version, kind, from_status, to_status,
actor_label, data, request_id, created_at)
SELECT id, organization_id, version + 2, 'note', '', '', 'x', '{}', '', now()
FROM orders_order
WHERE id = :paid;

-- an entry before the first
INSERT INTO orders_orderevent (order_id, organization_id, version, kind, from_status, to_status,
actor_label, data, request_id, created_at)
SELECT id, organization_id, 0, 'note', '', '', 'x', '{}', '', now()
FROM orders_order
WHERE id = :paid;

-- an entry rewritten
UPDATE orders_orderevent
SET kind = 'x';

-- a handover of what is not paid
INSERT INTO orders_orderhandover (order_id, organization_id, created_at)
SELECT id, organization_id, now()
FROM orders_order
WHERE id = :waiting;

-- a handover for others
INSERT INTO orders_orderhandover (order_id, organization_id, created_at)
SELECT o.id, n.id, now()
FROM orders_order o, identity_organization n
WHERE o.id = :paid AND n.id <> o.organization_id LIMIT 1;

-- the amount of a payment
UPDATE orders_payment
SET amount_minor = 1;

-- the order of a payment
UPDATE orders_payment
SET order_id = :waiting;

-- the token of a payment
UPDATE orders_payment
SET token = 'tok_other';

-- when it was captured
UPDATE orders_payment
SET captured_at = now() - interval '1 day'
WHERE captured_at IS NOT NULL;

-- a payment that was never sent
UPDATE orders_payment
SET submitted_at = NULL
WHERE submitted_at IS NOT NULL;

-- a payment of others
INSERT INTO orders_payment (id, organization_id, order_id, attempt, token, amount_minor, currency, state,
gateway_reference, decline_code, created_at)
SELECT gen_random_uuid(), n.id, o.id, 9, 't', 1, 'CNY', 'declined', '', '', now()
FROM orders_order o, identity_organization n
WHERE o.id = :waiting AND n.id <> o.organization_id LIMIT 1;

-- a payment deleted
DELETE
FROM orders_payment;

-- the warehouse of a parcel
UPDATE orders_shipment
SET warehouse_id = (SELECT id FROM inventory_warehouse LIMIT 1);

-- when a label was asked for
UPDATE orders_shipment
SET submitted_at = now()
WHERE submitted_at IS NOT NULL;

-- a parcel of a warehouse of others
INSERT INTO orders_shipment (id, organization_id, order_id, warehouse_id, state, label_reference,
tracking_number, created_at)
SELECT gen_random_uuid(), o.organization_id, o.id, w.id, 'preparing', '', '', now()
FROM orders_order o
JOIN inventory_warehouse w ON w.organization_id <> o.organization_id
WHERE o.id = :waiting LIMIT 1;

-- what is decided about
UPDATE approvals_approvalrequest
SET subject_digest = 'x';

-- who must not decide
UPDATE approvals_approvalrequest
SET contributors = '{}';

-- a decision by who is no auditor
INSERT INTO approvals_approvaldecision (id, request_id, actor_id, verdict, reason, digest_seen,
created_at)
SELECT gen_random_uuid(), r.id, (SELECT id
FROM identity_user
WHERE email LIKE 'seller%' AND id <> ALL (r.contributors) LIMIT 1), 'approve', '', r.subject_digest,
now()
FROM approvals_approvalrequest r;

-- a decision by an auditor of others
INSERT INTO approvals_approvaldecision (id, request_id, actor_id, verdict, reason, digest_seen,
created_at)
SELECT gen_random_uuid(), r.id, (SELECT m.user_id FROM identity_membership m JOIN identity_user u ON u.id
= m.user_id WHERE m.organization_id <> r.organization_id AND u.email LIKE 'auditor%' LIMIT 1), 'approve',
'', r.subject_digest, now()
FROM approvals_approvalrequest r;

-- a decision taken back
DELETE
FROM approvals_approvaldecision;

-- the hash of a key
UPDATE apiauth_apikey
SET secret_hash = 'x';

-- the owner of a key
UPDATE apiauth_apikey
SET owner_id = (SELECT id FROM identity_user LIMIT 1);

-- the organisation of a key
UPDATE apiauth_apikey
SET organization_id = (SELECT max(id::text)::uuid FROM identity_organization);

-- what a key may
UPDATE apiauth_apikey
SET scopes = '["organization:admin"]';

-- where a key works from
UPDATE apiauth_apikey
SET networks = '[]';

-- how long a key lives
UPDATE apiauth_apikey
SET expires_at = expires_at + interval '1 year';

-- a key that ended
UPDATE apiauth_apikey
SET revoked_at = NULL
WHERE revoked_at IS NOT NULL;

-- a key deleted
DELETE
FROM apiauth_apikey;

-- stock of another product
UPDATE inventory_stocklevel
SET product_id = (SELECT id FROM inventory_product LIMIT 1);

-- the SKU of a product
UPDATE inventory_product
SET sku = 'x';

-- the tenant of a product
UPDATE inventory_product
SET organization_id = (SELECT max(id::text)::uuid FROM identity_organization);

-- a movement rewritten
UPDATE inventory_stockmovement
SET quantity = 1;

-- the trail rewritten
UPDATE audit_auditevent
SET actor_label = 'x';

-- the trail shortened
DELETE
FROM audit_auditevent;

-- Django's own log shortened
DELETE
FROM django_admin_log;

-- Django's own log rewritten
UPDATE django_admin_log
SET user_id = (SELECT id FROM identity_user LIMIT 1);

-- a permission made up
INSERT INTO auth_permission (name, content_type_id, codename) VALUES ('x', 1, 'x');

-- a permission renamed
UPDATE auth_permission
SET codename = 'x';

-- a migration forgotten
DELETE
FROM django_migrations;

-- a step's key forgotten for another
UPDATE idempotency_idempotencylog
SET key = 'x';

-- what a message says
UPDATE outbox_outboxmessage
SET payload = '{}';

-- whose membership it is
UPDATE identity_membership
SET user_id = (SELECT id FROM identity_user LIMIT 1);

-- the short name of an organisation
UPDATE identity_organization
SET slug = 'x';

-- who was invited as what
UPDATE identity_invitation
SET role = 'owner';

-- where a secret belongs
UPDATE secretstore_secret
SET environment_id = NULL;

-- the order numbers
SELECT setval('orders_order_number_seq', 1);

-- a captured payment asked for again
UPDATE orders_payment
SET state = 'requested'
WHERE state = 'captured';

-- a captured payment withdrawn, so that the order is paid twice
UPDATE orders_payment
SET state = 'withdrawn'
WHERE state = 'captured';

-- which charge a refund is of
UPDATE orders_payment
SET gateway_reference = 'ch_other'
WHERE state = 'captured';

-- a deadline for paying put off
UPDATE orders_order
SET payment_deadline = payment_deadline + interval '1 day'
WHERE id = :waiting;

-- a labelled parcel back to the beginning
UPDATE orders_shipment
SET state = 'preparing'
WHERE state = 'ready';

-- another label on a parcel
UPDATE orders_shipment
SET tracking_number = 'x'
WHERE tracking_number <> '';

-- a request that expires before its deadline
UPDATE approvals_approvalrequest
SET state = 'expired', closed_at = now()
WHERE state = 'open';

-- a request acted on before somebody decides
UPDATE approvals_approvalrequest
SET applied_at = now()
WHERE state = 'open';

-- a hold that has ended held again
UPDATE inventory_reservation
SET state = 'held', ended_at = NULL
WHERE state <> 'held';

-- a revoked invitation accepted
UPDATE identity_invitation
SET state = 'accepted'
WHERE state = 'revoked';

-- an invitation to somebody else
UPDATE identity_invitation
SET email = 'thief@example.com'
WHERE state = 'open';

-- a failed change of a user succeeded
UPDATE identity_userchange
SET state = 'succeeded', code = ''
WHERE state = 'failed';

-- whom a change of a user is about
UPDATE identity_userchange
SET user_id = (SELECT id FROM identity_user WHERE email LIKE 'auditor%' LIMIT 1);

-- the address that a user is given
UPDATE identity_userchange
SET email = 'thief@example.com'
WHERE state = 'running';

-- which addresses somebody had
UPDATE identity_addresschange
SET before = 'x@example.com';

-- what an organisation calls a member
UPDATE identity_membership
SET reference = 'x'
WHERE id = (SELECT min(id) FROM identity_membership);

-- a refused code approved
UPDATE apiauth_authorizationcode
SET state = 'approved'
WHERE state = 'refused';

-- a spent token forgotten
DELETE
FROM apiauth_usedpublictoken;

-- a step forgotten, so that it is taken again
DELETE
FROM idempotency_idempotencylog
WHERE scope = 'step';

-- how a step ended
UPDATE idempotency_idempotencylog
SET result = '{}'
WHERE scope = 'step';

-- a message lost
DELETE
FROM outbox_outboxmessage
WHERE delivered_at IS NULL;

-- a message delivered again
UPDATE outbox_outboxmessage
SET delivered_at = NULL
WHERE delivered_at IS NOT NULL;

-- mail to somebody else
UPDATE deliveries_delivery
SET address = 'thief@example.com';

-- mail lost
DELETE
FROM deliveries_delivery
WHERE state = 'waiting';

-- mail sent again
UPDATE deliveries_delivery
SET state = 'waiting', ended_at = NULL
WHERE state = 'withdrawn';

-- a used recovery code used again
UPDATE staff_recoverycode
SET used_at = NULL
WHERE used_at IS NOT NULL;

-- a one-time code accepted again
UPDATE staff_secondfactor
SET last_step = last_step - 1;

-- a device that must be set up anew
UPDATE staff_secondfactor
SET confirmed_at = NULL;

-- a session that is always fresh
UPDATE staff_staffsession
SET proved_at = now() + interval '1 year';

-- a session that begins tomorrow
INSERT INTO staff_staffsession (id, user_id, address, agent, created_at)
SELECT gen_random_uuid(), id, '', '', now() + interval '1 day'
FROM identity_user LIMIT 1;

-- the secret before the last
UPDATE secretstore_secret
SET version = version - 1
WHERE version > 1;

-- a secret's version that nobody wrote
UPDATE secretstore_secret
SET version = version + 2;

-- a deleted secret without a new value
UPDATE secretstore_secret
SET deleted_at = NULL
WHERE deleted_at IS NOT NULL;

-- a wiped secret back
UPDATE secretstore_secretversion
SET ciphertext = '\x01', data_key = '\x01'
WHERE ciphertext IS NULL;

-- a value of a secret for an older one
UPDATE secretstore_secretversion n
SET ciphertext = o.ciphertext
FROM secretstore_secretversion o
WHERE o.secret_id = n.secret_id AND o.number = n.number - 1;

-- a value of a live secret wiped
UPDATE secretstore_secretversion
SET ciphertext = NULL, data_key = NULL
WHERE ciphertext IS NOT NULL;

-- a handover by an upsert
INSERT INTO orders_orderhandover AS h (order_id, organization_id, created_at)
SELECT order_id, organization_id, now()
FROM orders_orderhandover
ON CONFLICT (order_id) DO UPDATE SET created_at = now() RETURNING h.order_id;

-- a total by a merge
MERGE INTO orders_order o
USING orders_order p ON o.id = p.id
WHEN MATCHED THEN UPDATE SET total_minor = 1;

-- a total by a common table expression
WITH changed AS (UPDATE orders_order SET total_minor = 1 RETURNING id)
SELECT count(*) FROM changed;

-- a timeline copied in
COPY orders_orderevent (id) FROM PROGRAM 'true';

-- guards lifted for the session
SELECT set_config('session_replication_role', 'replica', false);

-- a guard redefined
CREATE OR REPLACE FUNCTION holo_refuse_change() RETURNS trigger LANGUAGE sql AS 'SELECT 1';

-- another owner's role
SET ROLE holo_owner;

-- a sequence of another organisation set back
SELECT setval(('orders_number_' || replace(id::text, '-', ''))::regclass, 1)
FROM identity_organization;

-- a file of the server
SELECT pg_read_file('postgresql.conf');
