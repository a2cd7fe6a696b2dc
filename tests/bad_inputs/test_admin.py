"""Every page of the admin's registry under bad input; what is said in words is tested where the pages are."""

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.conf import LazySettings
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db.models import CharField, Model
from django.test import Client
from django.urls import reverse

from holo.audit.models import AuditEvent
from holo.common import admin_commands
from holo.common.admin import ReadOnlyAdmin
from holo.common.admin_command import AdminCommand
from holo.common.admin_commands import CommandAdmin
from holo.common.money import Money
from inventory.models import Product, Warehouse
from inventory.services import create_product, create_warehouse
from tests.bad_inputs.answers import check_quiet
from tests.bad_inputs.cases.pages import PAGES
from tests.bad_inputs.cases.rows import As
from tests.bad_inputs.world import World, awaiting_approval, changed, parked, placed, written
from tests.builders import build_stock
from tests.logins import log_in
from tests.proof import sample
from tests.stories import Shop, build_person, build_shop

ADMINS: dict[type[Model], admin.ModelAdmin[Any]] = dict(admin.site._registry)
READ_ONLY = [model for model, page in ADMINS.items() if isinstance(page, ReadOnlyAdmin)]
# Commands on the rows of an order's life; those on keys and messages are superusers' and in their own tests.
COMMANDS = [
    (model, command)
    for model, page in ADMINS.items()
    if isinstance(page, CommandAdmin) and model._meta.app_label in ("orders", "approvals")
    for command in page.commands
]
_COMMAND_IDS = [f"{model._meta.model_name}-{command.name}" for model, command in COMMANDS]
# A session is prolonged, and a refused attempt is written down, also where nothing else may be.
# The last one when a session is used after a minute.
_NOTES = {"audit_auditevent", "django_session", "staff_staffsession"}
_TEXTS = ("' OR 1=1--", "\x00", "%", "_", "x" * 10_000, "a " * 5_000, "\\", "𝒳", "<script>")


@pytest.fixture(autouse=True)
def _no_demo_banner(settings: LazySettings) -> None:
    """Its look at passwords is no part of this."""
    settings.DEMO = False


@pytest.fixture(scope="module")
def root(world: World) -> Client:
    """Who may do everything in the shop."""
    return _client(world.shop)


def _client(shop: Shop, *, enforce_csrf_checks: bool = False) -> Client:
    person = build_person(shop.organization, "root", auditor=True, is_staff=True, is_superuser=True)
    person.groups.add(*Group.objects.filter(name__in=["operator", "viewer"]))
    client = Client(raise_request_exception=False, enforce_csrf_checks=enforce_csrf_checks)
    log_in(client, person)
    return client


def _url(model: type[Model], page: str, *args: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def _name(model: type[Model]) -> str:
    return str(model._meta.model_name)


def _rows(model: type[Model], world: World, count: int) -> list[str]:
    """Return keys of rows that a command can be given for."""
    maker = parked if model._meta.label == "orders.Order" else awaiting_approval
    orders = [maker(world.shop) for _ in range(count)]
    if model._meta.label == "orders.Order":
        return [str(order.pk) for order in orders]
    found = apps.get_model("approvals", "ApprovalRequest").objects.filter(
        subject_id__in=[order.pk for order in orders]
    )
    return [str(row.pk) for row in found]


def test_every_page_row_names_a_test_that_exists() -> None:
    for row in PAGES:
        path, _, name = row.scene.partition("::")
        module = import_module(path.removesuffix(".py").replace("/", "."))
        assert callable(getattr(module, name, None)), row.scene
    assert {row.id for row in PAGES} == {f"D{number:02}" for number in range(1, 14)}


def test_every_command_can_be_given_with_a_good_list(world: World, root: Client) -> None:
    """The control of what follows."""
    for model, command in COMMANDS:
        rows = _rows(model, world, 2)
        answer = _choose(root, model, command, *rows)
        assert answer.status_code == 200
        assert len(answer.context["items"]) == 2


def _choose(
    client: Client, model: type[Model], command: AdminCommand[Any], *keys: str, across: int = 0
) -> Any:
    data = {"action": command.name, "index": 0, "_selected_action": list(keys), "select_across": across}
    return client.post(_url(model, "changelist"), data)


@pytest.mark.parametrize(("model", "command"), COMMANDS, ids=_COMMAND_IDS)
def test_crafted_list_of_rows_is_refused_whole_and_audited(
    world: World,
    root: Client,
    model: type[Model],
    command: AdminCommand[Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    own = _rows(model, world, 1)[0]
    stranger = build_shop()
    foreign_world = World(shop=stranger, operator="", auditor="", owner="")
    foreign = _rows(model, foreign_world, 1)[0]
    client = _member(world)
    audited = AuditEvent.objects.filter(action__endswith="_refused").count()
    before = written()
    odd = (foreign, "01890a5d-ac96-774b-bcce-b302099a8057", "1 OR 1=1", "\x00", "0" * 5000, "")
    for key in odd:
        assert _choose(client, model, command, own, key).status_code == 403, key
        data = {"item": [f"{own}:", f"{key}:"], "reason": "ten characters and more"}
        assert client.post(_url(model, f"{command.name}_run"), data).status_code == 403, key
    assert changed(before) <= _NOTES
    refusals = AuditEvent.objects.filter(action__endswith="_refused").count()
    assert refusals - audited == 2 * len(odd)
    check_quiet(caplog)


def _member(world: World) -> Client:
    """Return the client of who may give every command, in this shop alone."""
    person = build_person(world.shop.organization, "member", auditor=True, is_staff=True)
    person.groups.add(Group.objects.get(name="operator"))
    client = Client(raise_request_exception=False)
    log_in(client, person)
    return client


@pytest.mark.parametrize(("model", "command"), COMMANDS, ids=_COMMAND_IDS)
def test_get_on_a_command_is_not_allowed(
    world: World,
    root: Client,
    model: type[Model],
    command: AdminCommand[Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    row = _rows(model, world, 1)[0]
    before = written()
    answer = root.get(_url(model, f"{command.name}_run"), {"item": f"{row}:"})
    assert (answer.status_code, answer["Allow"]) == (405, "POST")
    assert root.post(_url(model, command.name, row), {"reason": "x"}).status_code == 405
    assert changed(before) <= _NOTES
    check_quiet(caplog)


def _posts(world: World) -> Iterator[str]:
    """Yield every address of the admin that takes a POST."""
    for model, page in ADMINS.items():
        row = model._default_manager.first()
        for entry in page.get_urls():
            name = str(entry.name)
            if name.endswith(("_change", "_delete", "_edit")) and row is not None:
                yield reverse(f"admin:{name}", args=[row.pk])
            elif name.endswith(("_add", "_run", "_receive", "_changelist")):
                yield reverse(f"admin:{name}")


def test_post_without_token_or_from_elsewhere_is_refused(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    client = _client(world.shop, enforce_csrf_checks=True)
    page = client.get(reverse("admin:index"))
    token = str(page.context["csrf_token"])
    addresses = [*_posts(world), reverse("set_language"), reverse("admin:logout")]
    assert len(addresses) > 50
    before = written()
    for url in addresses:
        assert client.post(url, {"x": "y"}).status_code == 403, url
        elsewhere = {"csrfmiddlewaretoken": token}
        for origin in ("https://evil.example", "null", "http://testserver.evil.example"):
            answer = client.post(url, elsewhere, headers={"Origin": origin})
            assert answer.status_code == 403, (url, origin)
    assert changed(before) <= {"django_session", "staff_staffsession"}
    check_quiet(caplog)


@pytest.mark.parametrize("model", READ_ONLY, ids=_name)
def test_row_that_nobody_edits_is_not_written(
    world: World, root: Client, model: type[Model], caplog: pytest.LogCaptureFixture
) -> None:
    placed(world.shop)
    row = model._default_manager.first()
    key = row.pk if row is not None else "1"
    pages = [("change", key), ("delete", key)]
    before = written()
    answers = [
        root.post(_url(model, page, arg), {"status": "completed", "post": "yes"}) for page, arg in pages
    ]
    assert [answer.status_code for answer in answers] == [403, 403]
    if not ADMINS[model].has_add_permission(answers[0].wsgi_request):
        assert root.post(_url(model, "add"), {"name": "x"}).status_code == 403
    assert changed(before) <= _NOTES
    check_quiet(caplog)


@pytest.mark.prove
@pytest.mark.parametrize("model", ADMINS, ids=_name)
def test_any_search_and_filter_breaks_nothing(
    world: World, root: Client, model: type[Model], caplog: pytest.LogCaptureFixture
) -> None:
    url = _url(model, "changelist")
    for text in sample(_TEXTS, at_least=3, name=url):
        answer = root.get(url, {"q": text})
        assert answer.status_code == 200, text[:20]
    fields = [field.name for field in model._meta.fields]
    texts = [field.name for field in model._meta.fields if isinstance(field, CharField)][:1]
    odd = [f"{name}__exact=%00" for name in texts] + [f"{name}=x" for name in fields]
    odd += [f"{name}__gte=x" for name in fields if name.endswith("_at")][:1]
    odd += ["o=99.-99", "o=%00", "p=10000000", "p=x", "p=-1", "e=1", "_popup=1", "_to_field=password"]
    odd += ["password__startswith=a", "_connector=OR", "id__in=1,x", "pk=%00"]
    for query in sample(odd, at_least=10, name=url):
        assert root.get(f"{url}?{query}").status_code in (200, 302, 400), query
    check_quiet(caplog)


@pytest.mark.parametrize("model", ADMINS, ids=_name)
def test_odd_key_in_an_address_is_not_found(
    world: World, root: Client, model: type[Model], caplog: pytest.LogCaptureFixture
) -> None:
    for key in ("0", "x", "1 OR 1=1", "9" * 30, "_00", "01890a5d-ac96-774b-bcce-b302099a8057"):
        for page in ("change", "delete", "history"):
            answer = root.get(_url(model, page, key))
            assert answer.status_code in (200, 302, 403, 404), (page, key, answer.status_code)
    row = model._default_manager.first()
    for page in ("change", "delete") if row is not None else ():
        address = _url(model, page, str(row.pk))  # type: ignore[union-attr]
        answers = [root.get(f"{address}?_to_field="), root.post(address, {"_to_field": ""})]
        assert {answer.status_code for answer in answers} <= {200, 302, 403}, page
    check_quiet(caplog)


@pytest.mark.parametrize(("model", "command"), COMMANDS, ids=_COMMAND_IDS)
def test_selection_across_pages_is_capped(
    world: World,
    root: Client,
    model: type[Model],
    command: AdminCommand[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = _rows(model, world, 3)
    monkeypatch.setattr(admin_commands, "MAX_ROWS", 2)
    before = written()
    for across in (0, 1):
        answer = _choose(root, model, command, *rows, across=across)
        assert answer.status_code == 302
        assert "At most 2 at once" in root.get(answer["Location"]).content.decode()
    data = {"item": [f"{row}:" for row in rows], "reason": "ten characters and more"}
    assert root.post(_url(model, f"{command.name}_run"), data).status_code == 403
    assert changed(before) <= _NOTES


def test_markup_is_escaped_on_every_page(world: World, root: Client) -> None:
    markup = "<script>alert('x')</script>"
    actor = world.shop.seller_actor
    product = create_product(
        actor=actor, sku=markup, name=markup, price=Money(minor=20_000_00, currency="CNY")
    )
    build_stock(product=product, warehouse=world.shop.warehouses["EAST"], on_hand=1)
    create_warehouse(actor=actor, code=markup[:32], name=markup, priority=9)
    order = world.shop.place(markup)
    assert order.lines.get().sku == markup
    shown = 0
    for model in ADMINS:
        urls = [_url(model, "changelist")]
        row = model._default_manager.order_by("-pk").first()
        urls += [_url(model, "change", row.pk)] if row is not None else []
        for url in urls:
            page = root.get(url, follow=True).content.decode()
            assert "<script>alert" not in page, url
            shown += "&lt;script&gt;alert" in page
    assert shown >= 4
    Product.objects.filter(sku=markup).update(active=False)
    Warehouse.objects.filter(name=markup).update(active=False)


def test_session_is_no_key_and_a_key_no_session(world: World) -> None:
    """A key opens no page of the admin."""
    client = Client(headers={"Authorization": f"Bearer {world.operator}"})
    assert client.get(reverse("admin:orders_order_changelist")).status_code == 302
    assert world.sessions[As.SESSION].get("/api/v1/orders").status_code == 200
