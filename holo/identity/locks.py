"""The only row lock of this app: the organisation, which guards its members and projects."""

from django.db import connection

from holo.common.actor import OrganizationId
from holo.common.db import require_transaction


def lock_organization(organization_id: OrganizationId) -> None:
    """Let commands that change an organisation's members follow one another."""
    require_transaction()
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM identity_organization WHERE id = %s FOR NO KEY UPDATE", [organization_id])
