"""Forms of the admin that change a row save it as the app role: as it is, and with each field changed."""

from collections.abc import Iterator
from typing import Any

import pytest
from django import forms
from django.contrib import admin
from django.contrib.auth.models import Group
from django.test import Client, RequestFactory
from django.urls import reverse

from holo.identity.models import Membership, Organization, User
from tests.admin.conftest import ClientOf
from tests.forms import filled
from tests.stories import Shop, build_person


@pytest.fixture
def superuser(shop: Shop) -> User:
    """Who may change whatever can be changed; another one stays where this one is demoted."""
    build_person(shop.organization, "another", is_staff=True, is_superuser=True)
    return build_person(shop.organization, "root", is_staff=True, is_superuser=True)


def rows_of(superuser: User, shop: Shop) -> Iterator[Any]:
    """Yield one row of each model whose page of the admin has a form, of people somebody else."""
    request = RequestFactory().get("/")
    request.user = superuser
    for model, page in admin.site._registry.items():
        if not page.has_change_permission(request):
            continue
        if model is User:
            yield shop.seller
        elif model is Membership:
            yield Membership.objects.get(user=shop.seller)
        elif model is Group:
            yield Group.objects.create(name="a group of one's own")
        else:
            yield model._default_manager.all()[0]


def another(row_field: forms.Field, now: list[str]) -> Any:
    """Return a value that a field does not have now; None for an empty one."""
    field: Any = row_field
    if isinstance(row_field, forms.BooleanField):
        return None if now else "on"
    if isinstance(row_field, forms.EmailField):
        return "another@example.com"
    if isinstance(row_field, forms.ModelMultipleChoiceField):
        return [str(field.queryset.first().pk)]
    if isinstance(row_field, forms.ChoiceField):
        return next(str(value) for value, _label in field.choices if value and str(value) not in now)
    return "another"


def send(client: Client, row: Any, **changes: Any) -> None:
    page = client.get(address(row))
    answer = client.post(address(row), filled(page, **changes))
    shown = answer.context["adminform"].form.errors if answer.status_code == 200 else ""
    assert answer.status_code == 302, (row, changes, shown)


def address(row: Any) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def test_every_form_saves_a_row_as_it_is_and_with_each_field_changed(
    shop: Shop, superuser: User, client_of: ClientOf
) -> None:
    client, changed = client_of(superuser), []
    for row in rows_of(superuser, shop):
        before = type(row)._base_manager.filter(pk=row.pk).values().get()
        send(client, row)
        assert type(row)._base_manager.filter(pk=row.pk).values().get() == before, "nothing was changed"
        form = client.get(address(row)).context["adminform"].form
        for name, field in form.fields.items():
            if field.disabled or field.widget.is_hidden or name == "password":
                continue
            now = filled(client.get(address(row))).get(name, [])
            send(client, row, **{name: another(field, now)})
            assert filled(client.get(address(row))).get(name, []) != now, (row, name)
            changed.append((type(row), name))
    assert {model for model, _name in changed} >= {User, Membership, Organization, Group}
    assert len(changed) > 8, changed
