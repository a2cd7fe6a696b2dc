"""What holds of requests for a decision, and of the decisions."""

from django.utils.translation import gettext_lazy as _

from holo.audit.verify import audited
from holo.common.verify import Rule, register

register(
    Rule(
        id="I23",
        statement=_("A request that ended by a verdict has exactly the one decision that says so."),
        sql="""
SELECT 'request ' || r.id || ' (' || r.state || '): ' || count(d.id) FILTER (WHERE d.verdict = 'approve')
       || ' approve, ' || count(d.id) FILTER (WHERE d.verdict = 'reject') || ' reject'
FROM approvals_approvalrequest r LEFT JOIN approvals_approvaldecision d ON d.request_id = r.id
GROUP BY r.id, r.state
HAVING count(d.id) FILTER (WHERE d.verdict = 'approve') <> (r.state = 'approved')::int
    OR count(d.id) FILTER (WHERE d.verdict = 'reject') <> (r.state = 'rejected')::int
""",
    ),
    Rule(
        id="I24",
        statement=_("Who decides is none of the contributors, saw the content, and was in time."),
        sql="""
SELECT 'decision ' || d.id || ' on request ' || r.id
FROM approvals_approvaldecision d JOIN approvals_approvalrequest r ON r.id = d.request_id
WHERE d.actor_id = ANY (r.contributors) OR d.digest_seen <> r.subject_digest
   OR r.closed_at >= r.deadline OR r.contributors = '{}'
UNION ALL
SELECT 'request ' || request_id || ': ' || count(*) || ' decisions by one person'
FROM approvals_approvaldecision GROUP BY request_id, actor_id HAVING count(*) > 1
""",
    ),
    audited(
        _("Each decision has its audit row."),
        action="approvals.approval_decided",
        changes="SELECT request_id::text, count(*) FROM approvals_approvaldecision GROUP BY 1",
        subject="data->>'request_id'",
    ),
)
