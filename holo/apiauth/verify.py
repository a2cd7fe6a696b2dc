"""What holds of API keys."""

from django.utils.translation import gettext_lazy as _

from holo.audit.verify import audited
from holo.common.verify import register

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
)
