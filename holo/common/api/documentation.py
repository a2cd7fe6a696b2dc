"""The pages that describe the API; they work offline and under the content security policy."""

import json
from functools import cache

import yaml
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from drf_spectacular.renderers import (
    OpenApiJsonRenderer,
    OpenApiJsonRenderer2,
    OpenApiYamlRenderer,
    OpenApiYamlRenderer2,
)
from drf_spectacular.views import SpectacularSwaggerSplitView
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.views import APIView

from holo.common.api.etags import add_etag, answer_unchanged
from holo.common.error_catalogue import list_errors


class ApiSchema(APIView):
    """The OpenAPI document, as it is in docs/openapi.yaml: making it takes more than a second."""

    # It does not describe itself.
    schema = None
    authentication_classes = ()
    permission_classes = (AllowAny,)
    # They are asked only which form a client wants: YAML or JSON.
    renderer_classes = (
        OpenApiYamlRenderer,
        OpenApiYamlRenderer2,
        OpenApiJsonRenderer,
        OpenApiJsonRenderer2,
    )

    def get(self, request: Request) -> HttpResponse:
        """Answer with the document, or 304 where the client has it."""
        form: str = request.accepted_renderer.format
        response = HttpResponse(_document(form), content_type=request.accepted_media_type)
        response.headers["Content-Disposition"] = f'inline; filename="Holo API.{form}"'
        response.headers["Cache-Control"] = "no-cache"
        add_etag(response, wanted=True)
        answer_unchanged(request._request, response)
        return response


@cache
def _document(form: str) -> bytes:
    text = (settings.BASE_DIR / "docs" / "openapi.yaml").read_bytes()
    if form == OpenApiYamlRenderer.format:
        return text
    # The loader in C takes a tenth of the time; some builds lack it.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return json.dumps(yaml.load(text, Loader=loader)).encode()  # noqa: S506 - both loaders are safe


class ApiDocumentation(SpectacularSwaggerSplitView):
    """Swagger UI, whose start script and page styles are files of their own."""

    template_name = "api/docs.html"


@csrf_exempt
@require_safe
def error_catalogue(request: HttpRequest) -> HttpResponse:
    """Return the page that the `type` of every problem points to."""
    return render(request, "api/errors.html", {"errors": list_errors()})
