"""Which fields each call takes and gives, and which each kind of person sees and writes in the admin.

`WRITE=1 .venv/bin/python -m pytest tests/security/test_fields.py` writes `fields.json` anew.
"""

import json
from typing import Any

import yaml
from django.contrib import admin
from django.contrib.admin.utils import flatten_fieldsets
from django.http import HttpRequest
from django.test import RequestFactory

from holo.identity.models import User
from tests.docs.documents import ROOT

GOLDEN = ROOT / "tests" / "security" / "fields.json"
Fields = dict[str, Any]
_METHODS = ("get", "post", "put", "patch", "delete")


def of_calls() -> Fields:
    """Return what each call takes, and what it gives when all is well: pointers, from openapi.yaml."""
    document = yaml.safe_load((ROOT / "docs" / "openapi.yaml").read_text(encoding="utf-8"))
    found: Fields = {}
    for path, methods in document["paths"].items():
        for method in sorted(set(methods) & set(_METHODS)):
            call = methods[method]
            good = [answer for status, answer in call["responses"].items() if str(status).startswith("2")]
            found[f"{method.upper()} {path}"] = {
                "takes": sorted(_pointers(document, call.get("requestBody", {}))),
                "gives": sorted({pointer for answer in good for pointer in _pointers(document, answer)}),
            }
    return found


def _pointers(document: Any, holder: Any) -> set[str]:
    media = holder.get("content", {}).values()
    return {pointer for one in media for pointer in _names(document, one.get("schema", {}), "", ())}


def _names(document: Any, schema: Any, before: str, inside: tuple[str, ...]) -> set[str]:
    reference = schema.get("$ref", "")
    if reference:
        if reference in inside:
            return set()
        inner = document["components"]["schemas"][reference.rpartition("/")[2]]
        return _names(document, inner, before, (*inside, reference))
    found: set[str] = set()
    for name, part in schema.get("properties", {}).items():
        found |= {f"{before}/{name}"} | _names(document, part, f"{before}/{name}", inside)
    for kind in ("oneOf", "anyOf", "allOf"):
        for part in schema.get(kind, ()):
            found |= _names(document, part, before, inside)
    if isinstance(schema.get("items"), dict):
        found |= _names(document, schema["items"], before, inside)
    return found


def of_pages(people: dict[str, User]) -> Fields:
    """Return of each model of the admin what each kind of person sees and writes on the page of a row."""
    return {
        model._meta.label: {kind: _of_page(page, _request(person)) for kind, person in people.items()}
        for model, page in sorted(admin.site._registry.items(), key=lambda pair: pair[0]._meta.label)
    }


def _request(person: User) -> HttpRequest:
    request = RequestFactory().get("/admin/")
    request.user = person
    request.session = {}  # type: ignore[assignment]
    return request


def _of_page(page: admin.ModelAdmin[Any], request: HttpRequest) -> dict[str, list[str]]:
    if not page.has_view_or_change_permission(request):
        return {"sees": [], "changes": [], "adds": []}
    row = page.model()
    shown = flatten_fieldsets(page.get_fieldsets(request, row))
    fixed = set(page.get_readonly_fields(request, row))
    added: list[str] = []
    if page.has_add_permission(request):
        unwritten = set(page.get_readonly_fields(request, None))
        added = [
            name for name in flatten_fieldsets(page.get_fieldsets(request, None)) if name not in unwritten
        ]
    changes = (
        [name for name in shown if name not in fixed] if page.has_change_permission(request, row) else []
    )
    return {"sees": sorted(shown), "changes": sorted(changes), "adds": sorted(added)}


def text_of(fields: Fields) -> str:
    """Return what the golden file holds."""
    return json.dumps(fields, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
