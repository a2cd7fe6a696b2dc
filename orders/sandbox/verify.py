"""What holds between our payments and the sandbox gateway's own books."""

from django.utils.translation import gettext_lazy as _

from holo.common.verify import Rule
from orders.states import TERMINAL

GATEWAY = "orders.sandbox.gateway.SandboxGateway"

RULES = (
    Rule(
        id="I22",
        statement=_("The gateway's books and ours say the same of each payment."),
        # The gateway's row is written first, so ours may be one step behind while the order is under way, and
        # stays behind while it waits for an operator.
        sql="""
SELECT 'payment ' || coalesce(p.id::text, c.key) || ': ours ' || coalesce(p.state, 'none') || ' '
       || coalesce(p.amount_minor, 0) || ', theirs ' || coalesce(c.state, 'none') || ' '
       || coalesce(c.amount_minor, 0)
FROM orders_payment p FULL JOIN orders_sandboxcharge c ON c.key = p.id::text
LEFT JOIN orders_order o ON o.id = p.order_id
LEFT JOIN orders_orderabort a ON a.order_id = p.order_id
WHERE p.id IS NULL OR c.captures > 1 OR c.refunds > 1
   OR c.key IS NOT NULL AND (p.amount_minor, p.currency) <> (c.amount_minor, c.currency)
   OR NOT coalesce(CASE p.state
       WHEN 'requested' THEN c.key IS NULL OR o.status <> ALL (%(terminal)s) AND (
           c.state = 'authorised' OR o.status = 'needs_attention'
           OR p.submitted_at >= now() - make_interval(secs => %(grace)s))
       WHEN 'captured' THEN c.state = 'captured'
           OR c.state = 'refunded' AND a.order_id IS NOT NULL AND o.status <> ALL (%(terminal)s)
       WHEN 'refunded' THEN c.state = 'refunded'
       WHEN 'declined' THEN c.state IN ('declined', 'voided', 'refunded')
       WHEN 'withdrawn' THEN c.key IS NULL OR c.state IN ('declined', 'voided')
   END, false)
""",
        parameters={"terminal": sorted(TERMINAL)},
    ),
)
