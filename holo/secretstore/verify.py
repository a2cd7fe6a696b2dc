"""What holds of secrets; that each of them opens is told by `manage.py secrets verify`."""

from django.utils.translation import gettext_lazy as _

from holo.audit.verify import audited
from holo.common.verify import register

register(
    audited(
        _("Each version of a secret has its audit row."),
        action="secretstore.secret_set",
        changes="SELECT secret_id::text, count(*) FROM secretstore_secretversion GROUP BY 1",
    ),
)
