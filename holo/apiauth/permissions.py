"""What a caller may do: nothing, unless the view names a scope and the caller has it."""

from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from holo.apiauth.authentication import Grant, unauthenticated
from holo.apiauth.errors import MissingScopeError
from holo.apiauth.scopes import ANY_CALLER
from holo.common.errors import ForbiddenError

if TYPE_CHECKING:
    # At run time the module of views imports this one, as a setting.
    from rest_framework.views import APIView


def grant_of(request: Request) -> Grant:
    """Return the grant of the caller. Raises UnauthenticatedError."""
    if not isinstance(request.auth, Grant):
        raise unauthenticated()
    return request.auth


class DenyAll(BasePermission):
    """The default of the project: a view that says nothing is closed."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        """Refuse."""
        grant_of(request)
        return False


class RequireScope(BasePermission):
    """Asks for the scope that the view names for the method in `required_scopes`."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        """Allow, or raise with the scope that is missing."""
        grant = grant_of(request)
        method = "GET" if request.method == "HEAD" else str(request.method)
        if not hasattr(view, method.lower()) or method == "OPTIONS":
            # No handler: let the view answer 405.
            return True
        scope = getattr(view, "required_scopes", {}).get(method)
        if scope is None:
            raise ForbiddenError(_("this is not allowed"))
        if scope != ANY_CALLER and scope not in grant.scopes:
            raise MissingScopeError(_("this needs the scope %(scope)s") % {"scope": scope}, scope=scope)
        if grant.public is not None and not getattr(view, "by_public_tokens", False):
            raise ForbiddenError(_("a public token may not do this; use an API key"))
        return True
