"""Two people change the same thing in the admin: nobody saves over the other without a word."""

import threading
from collections import Counter
from functools import partial
from typing import Any

import psycopg
import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.test import Client, RequestFactory
from django.urls import reverse

from holo.common.admin_forms import GuardedFormAdmin
from holo.common.shown_values import SHOWN, ShownValues
from holo.identity import forms as identity_forms
from holo.identity.models import Membership, Organization, User
from holo.identity.roles import Role
from holo.identity.services import change_member_role
from inventory.admin import catalogue
from inventory.models import Product
from inventory.services import change_product
from tests.api.people import PASSWORD, build_person
from tests.builders import build_organization, build_product
from tests.conftest import OwnerAccess
from tests.forms import filled
from tests.identity.people import build_team
from tests.logins import log_in
from tests.racing import race

pytestmark = pytest.mark.usefixtures("fresh_database")
CONFLICT = "Nothing was saved: this was changed while the form was open."
RACERS = 4


def logged_in() -> Client:
    client = Client()
    log_in(client, build_person(organization=None, superuser=True))
    return client


@pytest.fixture
def one() -> Client:
    return logged_in()


@pytest.fixture
def other() -> Client:
    return logged_in()


@pytest.fixture
def product() -> Product:
    return build_product(organization=build_organization(), sku="phone", price_minor=500_00)


def page_of(row: Any, action: str = "change") -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_{action}", args=[row.pk])


def saved(answer: Any) -> bool:
    return bool(answer.status_code == 302)


def test_a_stale_price_does_not_replace_a_newer_one(one: Client, other: Client, product: Product) -> None:
    page = page_of(product, "edit")
    old = one.get(page)
    assert saved(other.post(page, filled(other.get(page), price="450")))
    conflict = one.post(page, filled(old, price="480"))
    text = conflict.content.decode()
    assert conflict.status_code == 200
    assert CONFLICT in text
    assert "You entered “480.00”; meanwhile somebody stored “450.00”." in text
    product.refresh_from_db()
    assert product.price_minor == 450_00
    # On with the own value, which is still in the field.
    assert filled(conflict)["price"] == ["480"]
    assert saved(one.post(page, filled(conflict)))
    product.refresh_from_db()
    assert product.price_minor == 480_00


def test_a_value_that_was_left_alone_is_not_put_back(one: Client, other: Client, product: Product) -> None:
    page = page_of(product, "edit")
    old = one.get(page)
    assert saved(other.post(page, filled(other.get(page), price="450", active=None)))
    conflict = one.post(page, filled(old, name="Smartphone"))
    text = conflict.content.decode()
    assert "Meanwhile somebody changed this from “500.00” to “450.00”; that is taken over here." in text
    assert "Meanwhile somebody changed this from yes to no; that is taken over here." in text
    assert saved(one.post(page, filled(conflict)))
    product.refresh_from_db()
    assert (product.name, product.price_minor, product.active) == ("Smartphone", 450_00, False)


def test_equal_changes_are_no_conflict(one: Client, other: Client, product: Product) -> None:
    page = page_of(product, "edit")
    old = one.get(page)
    assert saved(other.post(page, filled(other.get(page), price="450")))
    assert saved(one.post(page, filled(old, price="450.00")))


@pytest.mark.parametrize("shown", [None, "[]", '{"price": 7}', "[" * 5000])
def test_a_form_that_does_not_say_what_it_showed_is_stale(one: Client, product: Product, shown: Any) -> None:
    page = page_of(product, "edit")
    answer = one.post(page, filled(one.get(page), price="480", **{SHOWN: shown}))
    assert CONFLICT in answer.content.decode()
    product.refresh_from_db()
    assert product.price_minor == 500_00


def test_a_change_between_look_and_lock_is_seen(
    one: Client, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody is faster by a moment: the form was compared before the row was locked."""
    changed: list[object] = []

    def late(**wanted: Any) -> Product:
        if not changed:
            changed.append(True)
            Product.objects.filter(pk=product.pk).update(price_minor=450_00)
        return change_product(**wanted)

    monkeypatch.setattr(catalogue, "change_product", late)
    page = page_of(product, "edit")
    answer = one.post(page, filled(one.get(page), price="480"))
    assert "You entered “480.00”; meanwhile somebody stored “450.00”." in answer.content.decode()
    product.refresh_from_db()
    assert product.price_minor == 450_00


def rows() -> dict[str, Any]:
    """Return rows that the admin has forms for, by name."""
    team = build_team()
    return {
        "user": team.people[Role.MEMBER],
        "organization": team.organization,
        "membership": Membership.objects.get(user=team.people[Role.MEMBER]),
        "group": Group.objects.create(name="packers"),
    }


CHANGES: dict[str, tuple[str, object, object]] = {
    "user": ("name", "Mine", "Theirs"),
    "organization": ("name", "Mine", "Theirs"),
    "membership": ("role", "auditor", "admin"),
    "group": ("name", "mine", "theirs"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_every_form_of_a_row_notices(one: Client, other: Client, name: str) -> None:
    row = rows()[name]
    field, mine, theirs = CHANGES[name]
    page = page_of(row)
    old = one.get(page)
    assert saved(other.post(page, filled(other.get(page), **{field: theirs})))
    conflict = one.post(page, filled(old, **{field: mine}))
    assert CONFLICT in conflict.content.decode()
    assert "You entered" in conflict.content.decode()
    row.refresh_from_db()
    assert getattr(row, field) == theirs
    assert saved(one.post(page, filled(conflict)))
    row.refresh_from_db()
    assert getattr(row, field) == mine


def test_rights_of_a_group_that_were_added_meanwhile_stay(one: Client, other: Client) -> None:
    group = rows()["group"]
    first, second = Permission.objects.order_by("pk")[:2]
    page = page_of(group)
    old = one.get(page)
    assert saved(other.post(page, filled(other.get(page), permissions=[first.pk])))
    conflict = one.post(page, filled(old, name="loaders"))
    assert str(first) in conflict.content.decode()
    assert saved(one.post(page, filled(conflict)))
    assert list(group.permissions.all()) == [first]
    again = one.get(page)
    group.permissions.set([second])
    assert CONFLICT in one.post(page, filled(again, permissions=[])).content.decode()
    assert list(group.permissions.all()) == [second]


def test_a_role_in_the_form_of_a_person_notices_the_api(one: Client) -> None:
    team = build_team()
    person = team.people[Role.MEMBER]
    page = page_of(person)
    old = one.get(page)
    change_member_role(actor=team.actor(Role.OWNER), user_id=person.pk, role=Role.ADMIN)
    conflict = one.post(page, filled(old, name="Renamed"))
    assert CONFLICT in conflict.content.decode()
    member = Membership.objects.get(user=person)
    assert (member.role, User.objects.get(pk=person.pk).name) == ("admin", person.name)
    assert saved(one.post(page, filled(conflict)))
    member.refresh_from_db()
    assert (member.role, User.objects.get(pk=person.pk).name) == ("admin", "Renamed")


def test_forms_that_are_sent_at_once_are_saved_once() -> None:
    outcomes = Counter(race(organization_renames()))
    assert outcomes == {"saved": 1, "conflict": RACERS - 1}


def test_without_the_lock_forms_at_once_are_all_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    """The positive control: all read the row before any of them saves it."""
    everybody = threading.Barrier(RACERS)
    original = GuardedFormAdmin.get_object

    def read_then_wait(self: Any, request: Any, *args: Any) -> Any:
        found = original(self, request, *args)
        if request.method == "POST":
            everybody.wait(60)
        return found

    monkeypatch.setattr(GuardedFormAdmin, "lock_for_change", lambda *_args: None)
    monkeypatch.setattr(GuardedFormAdmin, "get_object", read_then_wait)
    assert Counter(race(organization_renames())) == {"saved": RACERS}


def organization_renames() -> list[Any]:
    organization = build_organization()
    page = page_of(organization)
    clients = [logged_in() for _ in range(RACERS)]
    forms = [filled(client.get(page), name=f"Name {n}") for n, client in enumerate(clients)]

    def send(client: Client, form: Any) -> str:
        answer = client.post(page, form)
        return "saved" if saved(answer) else "conflict" if CONFLICT in answer.content.decode() else "?"

    return [lambda c=c, f=f: send(c, f) for c, f in zip(clients, forms, strict=True)]


ADDED: dict[str, dict[str, object]] = {
    "identity_organization": {"slug": "acme", "name": "Acme"},
    "auth_group": {"name": "packers"},
    "identity_user": {"email": "New@example.com", "usable_password": "false"},
    "identity_membership": {"role": "member"},
}


@pytest.mark.parametrize("name", ADDED)
def test_of_equal_rows_added_at_once_one_is_made(name: str) -> None:
    """The others are told on the form; the unique index alone would end in a page that says 500."""
    values = dict(ADDED[name])
    if name == "identity_membership":
        values |= {"user": build_person(organization=None).pk, "organization": build_organization().pk}
    page = reverse(f"admin:{name}_add")
    clients = [logged_in() for _ in range(RACERS)]
    form = filled(clients[0].get(page), **values)
    outcomes = race([lambda client=client: client.post(page, form).status_code for client in clients])  # type: ignore[misc]
    assert Counter(outcomes) == {302: 1, 200: RACERS - 1}


def test_a_new_password_does_not_undo_a_deactivation(one: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    person = build_person(organization=None)
    plain = User.set_password

    def deactivate_meanwhile(self: User, raw: str | None) -> None:
        User.objects.filter(pk=person.pk).update(is_active=False)
        plain(self, raw)

    monkeypatch.setattr(User, "set_password", deactivate_meanwhile)
    new = "correct horse battery staple 9"
    page = reverse("admin:auth_user_password_change", args=[person.pk])
    assert saved(one.post(page, {"password1": new, "password2": new, "usable_password": "true"}))
    person.refresh_from_db()
    assert (person.is_active, person.check_password(new)) == (False, True)


def test_the_own_new_password_changes_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client()
    person = build_person(organization=None, superuser=True)
    log_in(client, person)
    plain = User.set_password

    def rename_meanwhile(self: User, raw: str | None) -> None:
        User.objects.filter(pk=person.pk).update(name="Renamed")
        plain(self, raw)

    monkeypatch.setattr(User, "set_password", rename_meanwhile)
    new = "correct horse battery staple 9"
    form = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    assert saved(client.post(reverse("admin:password_change"), form))
    person.refresh_from_db()
    assert (person.name, person.check_password(new)) == ("Renamed", True)


def test_every_form_that_changes_rows_is_guarded() -> None:
    request = RequestFactory().get("/admin/")
    request.user = build_person(organization=None, superuser=True)
    unguarded = []
    for model, shown in admin.site._registry.items():
        if shown.has_change_permission(request) and not isinstance(shown, GuardedFormAdmin):
            unguarded.append(model._meta.label)
        for inline in shown.get_inline_instances(request):
            if inline.has_change_permission(request) and not issubclass(inline.form, ShownValues):
                unguarded.append(f"{model._meta.label}: {inline.model._meta.label}")
    assert unguarded == []


def test_organizations_keep_their_short_name(one: Client) -> None:
    organization = build_organization()
    page = page_of(organization)
    assert saved(one.post(page, filled(one.get(page), name="N", slug="other")))
    assert Organization.objects.get(pk=organization.pk).slug == organization.slug


FORMS = ("auth_group", "identity_user", "identity_membership", "identity_organization")
# Nobody deletes people and organisations in the admin.
HELD = [*((name, "change") for name in FORMS), ("auth_group", "delete"), ("identity_membership", "delete")]


@pytest.mark.parametrize(("name", "action"), HELD)
def test_a_row_that_somebody_holds_keeps_no_page_waiting(
    owner: OwnerAccess, one: Client, settings: Any, name: str, action: str
) -> None:
    """Without a limit each click keeps a thread of the web process for as long as the row is held."""
    settings.DB_LOCK_TIMEOUT_MS = 200
    membership = Membership.objects.get(user=build_person(organization=build_organization()))
    rows: dict[str, Any] = {
        "auth_group": Group.objects.create(name="packers"),
        "identity_user": membership.user,
        "identity_membership": membership,
        "identity_organization": membership.organization,
    }
    page = page_of(rows[name], action)
    shown = one.get(page)
    changes = {"role": "auditor"} if name == "identity_membership" else {"name": "Another"}
    form = filled(shown, **changes) if action == "change" else {"post": "yes"}
    with psycopg.connect(owner.server.owner_url(owner.database)) as holder:
        holder.execute("SET LOCAL idle_in_transaction_session_timeout = '5s'")
        holder.execute(f"SELECT FROM {name} FOR UPDATE".encode())
        answer = one.post(page, form)
    assert (answer.status_code, answer["Location"]) == (302, page)
    again = one.get(page)
    assert "somebody else is changing the same thing" in again.content.decode()
    if action == "change":
        assert saved(one.post(page, filled(again)))
        rows[name].refresh_from_db()
        assert getattr(rows[name], "role" if "role" in changes else "name") in changes.values()


def test_of_names_that_read_the_same_one_group_is_made_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    clients = [logged_in() for _ in range(RACERS)]
    page = reverse("admin:auth_group_add")
    names = ["packers", "Packers", "PACKERS", "\uff50ackers"]
    forms = [filled(clients[0].get(page), name=name) for name in names]
    compared = identity_forms._as_read

    def slowly(name: str) -> str:
        threading.Event().wait(0.05)
        return compared(name)

    monkeypatch.setattr(identity_forms, "_as_read", slowly)
    calls = [partial(client.post, page, form) for client, form in zip(clients, forms, strict=True)]
    outcomes = race([lambda call=call: call().status_code for call in calls])  # type: ignore[misc]
    assert Counter(outcomes) == {302: 1, 200: RACERS - 1}
