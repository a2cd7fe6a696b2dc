"""For which organisation a call is made."""

from django.utils.translation import gettext as _

from holo.apiauth.errors import OrganizationRequiredError, OrganizationUnknownError
from holo.apiauth.models import ApiKey
from holo.common.actor import OrganizationId
from holo.common.errors import ForbiddenError
from holo.identity.models import User
from holo.identity.selectors import organizations_of


def organization_of(*, user: User | None, api_key: ApiKey | None, slug: str | None) -> OrganizationId:
    """Return the key's organisation, or for a session the one that `slug` names, or the only one.

    Raises OrganizationRequiredError, OrganizationUnknownError, ForbiddenError (the person belongs to none).
    """
    choices = [api_key.organization] if api_key is not None else organizations_of(user) if user else []
    if not choices:
        raise ForbiddenError(_("you belong to no organisation"))
    if slug is None:
        if len(choices) > 1:
            message = _("name one of your organisations in the X-Organization header")
            raise OrganizationRequiredError(message, header="X-Organization")
        return OrganizationId(choices[0].pk)
    for organization in choices:
        if organization.slug == slug:
            return OrganizationId(organization.pk)
    message = _("X-Organization names none of your organisations")
    raise OrganizationUnknownError(message, header="X-Organization")
