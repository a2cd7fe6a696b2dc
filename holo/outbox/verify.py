"""What holds of the outbox."""

from django.utils.translation import gettext_lazy as _

from holo.common.verify import Rule, register

register(
    Rule(
        id="I27",
        statement=_("A message is delivered within the grace period or given up with its reason."),
        sql="""
SELECT 'message ' || id || ' (' || topic || '): '
       || CASE WHEN dead_at IS NULL THEN 'not delivered' ELSE 'given up without a reason' END
FROM outbox_outboxmessage
WHERE delivered_at IS NULL
  AND CASE WHEN dead_at IS NULL THEN created_at < now() - make_interval(secs => %(grace)s)
           ELSE last_error = '' END
""",
    ),
    Rule(
        id="I27",
        statement=_("Messages of one key are delivered in their order."),
        sql="""
WITH row_of_key AS (
    SELECT id, key, delivered_at, lag(id) OVER mine AS earlier, lag(delivered_at) OVER mine AS earlier_at
    FROM outbox_outboxmessage WINDOW mine AS (PARTITION BY key ORDER BY id)
)
SELECT 'message ' || id || ' of ' || key || ': delivered before message ' || earlier
FROM row_of_key
WHERE earlier IS NOT NULL AND delivered_at IS NOT NULL
  AND (earlier_at IS NULL OR earlier_at > delivered_at)
""",
    ),
)
