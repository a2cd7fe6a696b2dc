"""The pages that describe the API; they work offline and under the content security policy."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.request import Request

from holo.common.error_catalogue import list_errors
from holo.common.middleware import CONTENT_SECURITY_POLICY

# Swagger UI writes style attributes; scripts stay files of this server.
_DOCS_POLICY = CONTENT_SECURITY_POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")


class ApiSchema(SpectacularAPIView):
    """The OpenAPI document."""


class ApiDocumentation(SpectacularSwaggerSplitView):
    """Swagger UI, whose start script is a file of its own."""

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        """Return the page or its script."""
        response = super().get(request, *args, **kwargs)  # type: ignore[no-untyped-call]
        response["Content-Security-Policy"] = _DOCS_POLICY
        return response


@csrf_exempt
@require_safe
def error_catalogue(request: HttpRequest) -> HttpResponse:
    """Return the page that the `type` of every problem points to."""
    return render(request, "api/errors.html", {"errors": list_errors()})
