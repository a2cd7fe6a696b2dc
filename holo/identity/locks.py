"""The row locks of this app: the organisation, which guards its members and projects; then a user change."""

from uuid import UUID

from django.db import connection
from django.utils.translation import gettext as _

from holo.common.actor import OrganizationId
from holo.common.db import require_transaction
from holo.common.errors import NotFoundError
from holo.identity.models import UserChange


def lock_organization(organization_id: OrganizationId) -> None:
    """Let commands that change an organisation's members follow one another."""
    require_transaction()
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM identity_organization WHERE id = %s FOR NO KEY UPDATE", [organization_id])


def lock_user_change(change_id: UUID) -> UserChange:
    """Lock one change of a user and return it as it is now. Raises NotFoundError."""
    require_transaction()
    change = UserChange.objects.select_for_update(of=("self",), no_key=True).filter(pk=change_id).first()
    if change is None:
        raise NotFoundError(_("there is no such change"))
    return change
