"""The pages that describe the API; they work offline and under the content security policy."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from holo.common.error_catalogue import list_errors


class ApiSchema(SpectacularAPIView):
    """The OpenAPI document."""


class ApiDocumentation(SpectacularSwaggerSplitView):
    """Swagger UI, whose start script and page styles are files of their own."""

    template_name = "api/docs.html"


@csrf_exempt
@require_safe
def error_catalogue(request: HttpRequest) -> HttpResponse:
    """Return the page that the `type` of every problem points to."""
    return render(request, "api/errors.html", {"errors": list_errors()})
