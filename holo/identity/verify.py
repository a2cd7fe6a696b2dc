"""What holds of projects and environments."""

from django.utils.translation import gettext_lazy as _

from holo.audit.verify import audited
from holo.common.verify import register

# Those that a project begins with are told by the project's own row.
_ADDED = """
SELECT e.id::text, 1::bigint FROM identity_environment e JOIN identity_project p ON p.id = e.project_id
WHERE e.slug <> e.kind OR e.kind = 'preview'
"""

register(
    audited(
        _("Each project made has its audit row."),
        action="identity.project_created",
        changes="SELECT id::text, 1::bigint FROM identity_project",
    ),
    audited(
        _("Each environment added to a project has its audit row."),
        action="identity.environment_created",
        changes=_ADDED,
    ),
)
