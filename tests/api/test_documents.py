"""The committed documents are those that the code would write today, and the matrix of rights is complete."""

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import override_settings
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.permissions import AllowAny

from holo.apiauth.api.codes import CodeListView, ExchangeView
from holo.apiauth.scopes import ANY_CALLER, SCOPES
from holo.apiauth.views import ApiView
from holo.common.error_catalogue import list_errors

DOCS = Path(settings.BASE_DIR) / "docs"


def api_views(patterns: list[Any] | None = None) -> list[type[Any]]:
    """Return every view below /api/v1/."""
    found = []
    for entry in patterns if patterns is not None else get_resolver().url_patterns:
        if isinstance(entry, URLResolver) and (patterns is not None or str(entry.pattern) == "api/v1/"):
            found += api_views(entry.url_patterns)
        elif isinstance(entry, URLPattern) and patterns is not None:
            found.append(vars(entry.callback)["view_class"])
    return found


# Whoever has no credential yet begins and ends a login here.
OPEN = (CodeListView, ExchangeView)


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The OpenAPI document of the code; a warning of the generator is an error."""
    out = StringIO()
    # What a production server accepts: the switches of the demonstration are not part of the contract.
    with override_settings(DEMO=False):
        call_command("spectacular", validate=True, fail_on_warn=True, stdout=out)
    parsed: dict[str, Any] = yaml.safe_load(out.getvalue())
    return parsed


def test_error_table_is_current() -> None:
    call_command("errors_doc", check=True)


def test_stale_error_table_is_drift(tmp_path: Path) -> None:
    with pytest.raises(CommandError) as failure:
        call_command("errors_doc", check=True, file=tmp_path / "errors.md")
    assert failure.value.returncode == 3
    call_command("errors_doc", file=tmp_path / "errors.md")
    call_command("errors_doc", check=True, file=tmp_path / "errors.md")


def test_every_error_says_what_it_means() -> None:
    assert [entry.code for entry in list_errors() if not entry.meaning] == []
    assert all(400 <= entry.status <= 599 for entry in list_errors())


def test_openapi_document_is_current(document: dict[str, Any]) -> None:
    """Rewrite it with `DEMO=0 manage.py spectacular --file docs/openapi.yaml --validate --fail-on-warn`."""
    assert yaml.safe_load((DOCS / "openapi.yaml").read_text(encoding="utf-8")) == document


def test_every_view_of_the_api_names_a_known_scope_for_each_method() -> None:
    views = api_views()
    assert len(views) >= 9
    for view in views:
        assert issubclass(view, ApiView), view
        if view.permission_classes == [AllowAny]:
            assert view.required_scopes == {}, view
            assert view in OPEN, view
            continue
        methods = {name.upper() for name in view.http_method_names if name in vars(view)} - {"HEAD"}
        assert methods == set(view.required_scopes), view
        assert set(view.required_scopes.values()) <= {*SCOPES, ANY_CALLER}, view


def test_every_change_documents_its_key_and_its_errors(document: dict[str, Any]) -> None:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            named = {parameter["name"] for parameter in operation.get("parameters", [])}
            changes, asks = method in ("post", "patch", "delete"), operation["security"] != [{}]
            assert ("Idempotency-Key" in named) == (changes and asks), path
            assert ("X-Organization" in named) == ("401" in operation["responses"]) == asks, path
            assert {"400", "403", "429", "503"} <= set(operation["responses"]), path
            assert "204" not in operation["responses"], path
            assert ("404" in operation["responses"]) or "{" not in path, path
            of_bodies = {"408", "409", "411", "413", "415", "422"} & set(operation["responses"])
            assert len(of_bodies) == (6 if changes else 0), path
            problem = operation["responses"]["400"]["content"]
            assert list(problem) == ["application/problem+json"], path


def test_security_schemes_are_key_and_session(document: dict[str, Any]) -> None:
    assert set(document["components"]["securitySchemes"]) == {"apiKey", "session"}
    assert document["openapi"].startswith("3.1")


@pytest.mark.django_db
def test_every_code_has_its_place_on_the_page(client: Any) -> None:
    page = client.get("/api/errors").content.decode()
    for entry in list_errors():
        assert f'id="{entry.code}"' in page
