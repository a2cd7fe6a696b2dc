"""Everything that a row must exist for: calls, pages, actions and tasks, as the running product has them."""

import re
from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.test import RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.views import APIView

from holo.celery import app as celery
from holo.common.ids import uuid7
from holo.identity.models import User

_ROOT = "api/v1/"
_METHODS = ("get", "post", "put", "patch", "delete")
# Not by GET: what these do takes a POST.
POSTED = re.compile(r"_run$|^set_language$|^csp-reports$|^admin:logout$")


def calls() -> set[str]:
    """Return each method of each address of the API, such as `GET order-list`."""
    return {
        f"{method.upper()} {name.rpartition(':')[2]}"
        for name, _route, callback in _patterns(get_resolver().url_patterns, "", "")
        if name.startswith("v1:")
        for method in _METHODS
        if hasattr(_view_class(callback), method)
    }


def pages() -> dict[str, str]:
    """Return the route of every other address that has a name."""
    return {
        name: route
        for name, route, _callback in _patterns(get_resolver().url_patterns, "", "")
        if not name.startswith("v1:") and not name.endswith("-")
    }


def actions() -> set[str]:
    """Return each action of each admin, such as `orders.order.cancel`."""
    return {
        f"{model._meta.label_lower}.{action if isinstance(action, str) else action.__name__}"
        for model, one in admin.site._registry.items()
        for action in one.actions or ()
    }


def offered(action: str, person: User) -> bool:
    """Tell whether the admin offers a person an action; what it does not offer it does not run."""
    label, _dot, name = action.rpartition(".")
    request = RequestFactory().get("/admin/")
    request.user = person
    one = next(one for model, one in admin.site._registry.items() if model._meta.label_lower == label)
    return one.has_view_permission(request) and name in one.get_actions(request)


def tasks() -> set[str]:
    """Return the product's own tasks."""
    celery.loader.import_default_modules()
    return {name for name in celery.tasks if not name.startswith("celery.")}


def address(name: str, route: str) -> tuple[str, str]:
    """Return an address of a page and the id in it: of a row that exists where its model has one."""
    path = "/" + re.sub(r"\(\?P<\w+>([a-z]+)[^)]*\)", r"\1", route.replace("^", "").replace("$", ""))
    model = re.match(r"admin:([a-z]+)_([a-z]+)_", name)
    key = str(uuid7())
    if model is not None:
        label = f"{model[1]}.{model[2]}"
        found = next((one for one in admin.site._registry if one._meta.label_lower == label), None)
        row = found._default_manager.order_by("pk").first() if found is not None else None
        key = str(row.pk) if row is not None else key
    return re.sub(r"<[^>]+>", key, path), key


def _patterns(entries: list[Any], space: str, before: str) -> Iterator[tuple[str, str, Any]]:
    for entry in entries:
        route = before + str(entry.pattern)
        if isinstance(entry, URLResolver):
            inner = f"{space}{entry.namespace}:" if entry.namespace else space
            yield from _patterns(entry.url_patterns, inner, route)
        elif isinstance(entry, URLPattern):
            yield f"{space}{entry.name or '-'}", route, entry.callback


def _view_class(callback: Any) -> type[APIView]:
    found: type[APIView] = callback.view_class
    return found
