"""What holds of API keys, and of logins from the command line."""

from django.utils.translation import gettext_lazy as _

from holo.audit.verify import audited
from holo.common.verify import Rule, register

register(
    audited(
        _("Each API key made has its audit row."),
        action="apiauth.key_created",
        changes="SELECT id::text, 1::bigint FROM apiauth_apikey",
    ),
    audited(
        _("Each API key replaced has its audit row."),
        action="apiauth.key_replaced",
        changes="SELECT id::text, 1::bigint FROM apiauth_apikey WHERE replaced_by_id IS NOT NULL",
    ),
    audited(
        _("Each API key revoked has its audit row."),
        action="apiauth.key_revoked",
        changes="SELECT id::text, 1::bigint FROM apiauth_apikey WHERE revoked_at IS NOT NULL",
    ),
    Rule(
        id="I32",
        statement=_("Each login from the command line that somebody decided about has its audit row."),
        sql="""
SELECT 'code ' || c.id || ' (' || c.state || ')' FROM apiauth_authorizationcode c
WHERE c.user_id IS NOT NULL AND NOT EXISTS (
    SELECT FROM audit_auditevent a
    WHERE a.subject_type = 'apiauth.authorizationcode' AND a.subject_id = c.id::text
      AND a.action IN ('apiauth.code_approved', 'apiauth.code_refused'))
""",
    ),
)
