"""Every list of the admin, with every odd filter, order, search and page: 200 or 400, or back to the list."""

from collections.abc import Iterator
from itertools import product
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib import admin
from django.contrib.admin.options import ModelAdmin
from django.contrib.sessions.backends.db import SessionStore
from django.core.exceptions import SuspiciousOperation
from django.db.models import Model
from django.test import Client, RequestFactory
from django.urls import reverse

from holo.common.admin import RefusingChangeList
from holo.identity.models import User
from tests.bad_inputs.answers import check_quiet
from tests.bad_inputs.world import World, awaiting_approval, parked
from tests.logins import log_in
from tests.proof import Proof, sample
from tests.stories import build_person

ADMINS: dict[type[Model], ModelAdmin[Any]] = dict(admin.site._registry)
_HUGE = "9" * 40
# Lookups, each with values that some kind of field cannot take.
_LOOKUPS = {
    "": ("x", "%00", _HUGE, "%ED%A0%80"),
    "__exact": ("%00", "x"),
    "__in": ("a,%00", _HUGE, ",", "1,x"),
    "__range": ("1", "1,2,3", "9999-12-31,x", "%00,%00"),
    "__gt": ("%00", _HUGE, "2026-02-30", "NaN"),
    "__isnull": ("x", "%00", ""),
    "__year": ("10000", "0", "-1", "x", _HUGE),
    "__year__gte": ("10000",),
    "__iso_year": ("10000",),
    "__month": (_HUGE,),
    "__day": ("99", "x"),
    "__date": ("9999-12-32", "%00", "10000-01-01"),
    "__time": ("25:00", "%00"),
    "__hour__in": (_HUGE,),
    "__regex": ("(", "%00", "[", "a{99999}"),
    "__iregex": ("(?<",),
    "__icontains": ("%00", "%ED%A0%80"),
    "__contained_by": ("{}", "x"),
    "__has_keys": ("x",),
    "__overlap": ("x",),
    "__0": ("x",),
    "__x__y__z": ("x",),
    "__search": ("x",),
    "__len": ("x",),
    "__pk__range": ("1",),
}
_EVERYTHING = [f"{lookup}={value}" for lookup, values in _LOOKUPS.items() for value in values]
# What every field is asked, also where another field of its kind has been asked everything.
_ALWAYS = ("=%00", "__in=a,%00", "__range=1", "__year=10000", "__isnull=x")
# What is not about one field.
_OF_THE_LIST = (
    *("o=999999999999999999999", "o=-", "o=1.1.1.-1", "o=%00", "o=1.x", "p=-1", "p=x", "p=%00"),
    *(f"p={_HUGE}", f"o={_HUGE}", "_facets=True", "_facets=x", "_facets=True&q=%00", "_popup=1", "all="),
    *("_to_field=password", "_to_field=id", "_to_field=%00", "e=1", "e=1&pk=%00", "q=%00", "q=%ED%A0%80"),
    *(f"q={'x%20' * 40}", "q=%22", "q=%22a%20%27b", "q=%5C", "pk__range=1", "pk__in=%00", "id__range=1"),
    *("_changelist_filters=%00", "%00=1", "a__b__c__d=1", "=1", "__=1", "pk__pk__pk=1", "is_facets=1"),
)


@pytest.fixture(scope="module")
def root(world: World) -> User:
    """Who sees every list."""
    parked(world.shop)
    awaiting_approval(world.shop)
    return build_person(world.shop.organization, "root", is_staff=True, is_superuser=True)


def _paths(model: type[Model], page: ModelAdmin[Any]) -> Iterator[str]:
    """Yield what a list of the model can be filtered by."""
    yield "pk"
    yield from (field.name for field in (*model._meta.fields, *model._meta.many_to_many))
    for entry in page.list_filter:
        name = entry[0] if isinstance(entry, tuple) else entry
        if isinstance(name, str):
            yield name
        else:
            yield str(getattr(name, "parameter_name", "pk"))


@pytest.mark.prove
@pytest.mark.parametrize("model", ADMINS, ids=lambda model: str(model._meta.model_name))
def test_no_filter_breaks_a_list(root: User, model: type[Model], proof: Proof) -> None:
    """Without the middleware, which would take what the database refuses for bad input as well."""
    page = ADMINS[model]
    kinds: set[str] = set()
    queries: list[str] = []
    for path in dict.fromkeys(_paths(model, page)):
        kind = _kind(model, path)
        always = [f"{path}{query}" for query in _ALWAYS]
        queries += always if kind in kinds else [f"{path}{query}" for query in _EVERYTHING]
        kinds.add(kind)
    assert len(queries) > 50
    asked = sample(queries, at_least=40)
    proof.note(queries=len(asked), of=len(queries))
    statuses = {_status(page, root, query) for query in asked}
    assert statuses <= {200, 302, 400}


def _kind(model: type[Model], path: str) -> str:
    names = {field.name: type(field).__name__ for field in (*model._meta.fields, *model._meta.many_to_many)}
    return names.get(path, "other")


def _status(page: ModelAdmin[Any], person: User, query: str) -> int:
    request = RequestFactory().get(f"/admin/?{query}")
    request.user = person
    request.session = SessionStore()
    try:
        return int(page.changelist_view(request).status_code)
    except SuspiciousOperation:
        return 400
    except Exception as error:
        raise AssertionError(f"{page.opts.label}?{query}: {error!r}") from error


@pytest.fixture(scope="module")
def client(root: User) -> Client:
    """The browser of who sees every list."""
    client = Client(raise_request_exception=False)
    log_in(client, root)
    return client


@pytest.mark.prove
@pytest.mark.parametrize("model", ADMINS, ids=lambda model: str(model._meta.model_name))
def test_no_order_search_or_page_breaks_a_list(
    client: Client, model: type[Model], caplog: pytest.LogCaptureFixture
) -> None:
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    for query in (
        *sample(_OF_THE_LIST, at_least=8, name=url),
        "created_at__year=10000",
        "id__in=%00",
        "created_at__day=99",
    ):
        answer = client.get(f"{url}?{query}")
        assert answer.status_code in (200, 302, 400), query
        if answer.status_code == 302:
            assert urlsplit(answer["Location"]).path in (url, ""), query
    for query in ("e=1", "e=1&created_at__year=10000"):
        assert client.get(f"{url}?{query}").status_code in (200, 400), query
    check_quiet(caplog)


def test_no_query_breaks_the_other_pages(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    names = ["autocomplete", "jsi18n", "index", "app_list", "account", "step_up", "login"]
    odd: tuple[str, ...] = ("", "term=%00", f"page={_HUGE}", "p=x", "next=%00", "next=//evil.example")
    odd += ("app_label=%00",)
    odd += ("app_label=identity&model_name=membership&field_name=user&term=%00",)
    odd += ("app_label=identity&model_name=membership&field_name=user&term=x&page=-1",)
    odd += (f"app_label=identity&model_name=membership&field_name=user&term={'x' * 5000}",)
    odd += ("app_label=identity&model_name=membership&field_name=password&term=a", "_facets=%00")
    paths = [reverse(f"admin:{name}") for name in names if name != "app_list"]
    paths += [reverse("admin:app_list", args=["identity"])]
    rows: list[str] = []
    for model in ADMINS:
        row = model._default_manager.first()
        if row is not None:
            info = f"admin:{model._meta.app_label}_{model._meta.model_name}"
            rows += [reverse(f"{info}_history", args=[row.pk]), reverse(f"{info}_change", args=[row.pk])]
    asked = [*product(paths, odd), *product(rows, ("p=%00", "_to_field=%00", "_popup=x&next=%00"))]
    for path, query in asked:
        answer = client.get(f"{path}?{query}")
        assert answer.status_code in (200, 302, 400, 403, 404), (path, query)
    check_quiet(caplog)


def test_no_value_breaks_a_form_that_is_filled_in_by_its_address(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    """`add/?user=x`, and the same value sent."""
    request = RequestFactory().get("/")
    request.user = User.objects.get(pk=client.session["_auth_user_id"])
    asked: list[str] = []
    for model, page in ADMINS.items():
        if not page.has_add_permission(request):
            continue
        url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_add")
        names = [field.name for field in (*model._meta.fields, *model._meta.many_to_many)]
        for value in ("x", "\0", _HUGE):
            values = dict.fromkeys(names, value)
            assert client.get(url, values).status_code in (200, 302, 400), (url, value)
        assert client.post(url, values).status_code in (200, 302, 400), url
        asked.append(model._meta.label)
    assert {"identity.Membership", "identity.User", "auth.Group"} <= set(asked)
    check_quiet(caplog)


def test_every_list_is_one_that_refuses() -> None:
    for model, page in ADMINS.items():
        assert page.get_changelist(RequestFactory().get("/")) is RefusingChangeList, model


def test_no_list_is_filtered_by_what_opens_something(client: Client) -> None:
    asked = 0
    for model in ADMINS:
        url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        for name in getattr(model, "shut", ()):
            for lookup in ("", "__startswith", "__gt", "__regex", "__isnull"):
                assert client.get(f"{url}?{name}{lookup}=1").status_code == 400, (url, name, lookup)
                asked += 1
    assert asked >= 15
