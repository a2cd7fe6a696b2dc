"""What holds of secrets; that each of them opens is told by `manage.py secrets verify`."""

from django.utils.translation import gettext_lazy as _

from holo.audit.verify import audited
from holo.common.verify import Rule, register

register(
    Rule(
        id="I33",
        statement=_("The versions of each secret have no gaps, and each deleted secret has its audit row."),
        sql="""
SELECT 'secret ' || s.id || ': version ' || s.version || ', ' || coalesce(v.times, 0) || ' versions'
FROM secretstore_secret s
LEFT JOIN (SELECT secret_id, count(*) AS times, max(number) AS newest FROM secretstore_secretversion
           GROUP BY 1) v ON v.secret_id = s.id
WHERE (s.version, s.version) IS DISTINCT FROM (coalesce(v.newest, 0), coalesce(v.times, 0)::integer)
UNION ALL
SELECT 'secret ' || s.id || ': deleted, without an audit row' FROM secretstore_secret s
WHERE s.deleted_at IS NOT NULL AND NOT EXISTS (
    SELECT FROM audit_auditevent a
    WHERE a.action = 'secretstore.secret_deleted' AND a.subject_id = s.id::text
      AND a.data->>'version' = s.version::text)
""",
    ),
    audited(
        _("Each version of a secret has its audit row."),
        action="secretstore.secret_set",
        changes="SELECT secret_id::text, count(*) FROM secretstore_secretversion GROUP BY 1",
    ),
)
