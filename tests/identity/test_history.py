"""History of a row is what the audit trail says of it, or there is no button; rights go to the trail."""

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import reverse
from django.utils.translation import override

from holo.audit.models import AuditEvent
from holo.audit.services import record_change
from holo.common.admin import BoundedSearch
from holo.identity.action_labels import DETAILS, detail_label
from holo.identity.models import Membership, Organization, User
from holo.identity.roles import Role
from holo.identity.services import change_member_role
from inventory.models import Product
from inventory.services import change_product
from orders.groups import ensure_groups
from orders.models import Order, OrderEvent
from tests.forms import filled
from tests.identity.people import Team, build_team
from tests.logins import log_in
from tests.stories import MAC, Shop, build_person, build_shop

pytestmark = pytest.mark.usefixtures("fresh_database")
NONE = "have a change history"


def browser(person: User) -> Client:
    client = Client()
    log_in(client, person)
    return client


@pytest.fixture
def shop() -> Shop:
    shop = build_shop()
    ensure_groups()
    return shop


@pytest.fixture
def root() -> Client:
    return browser(User.objects.create_superuser("root@example.com", "correct horse battery"))


def viewer(shop: Shop) -> Client:
    person = build_person(shop.organization, "viewer", is_staff=True)
    person.groups.add(Group.objects.get(name="viewer"))
    return browser(person)


def history_of(row: Any) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_history", args=[row.pk])


def page_of(row: Any) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def events_of(action: str) -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(action=action).order_by("id"))


def test_history_shows_who_did_what_newest_first(shop: Shop) -> None:
    product = Product.objects.filter(organization=shop.organization)[0]
    for name in ("First name", "Second name"):
        change_product(actor=shop.seller_actor, product_id=product.pk, name=name)
    client = viewer(shop)
    assert history_of(product) in client.get(page_of(product)).content.decode()
    shown = client.get(history_of(product)).content.decode()
    assert NONE not in shown
    for text in (
        "First name → Second name",
        shop.seller.email,
        "Product changed",
        "inventory.product_changed",
    ):
        assert text in shown, text
    assert shown.index("First name → Second name") < shown.index("→ First name")


def test_history_names_its_details_in_the_readers_language(shop: Shop) -> None:
    product = Product.objects.filter(organization=shop.organization)[0]
    change_product(actor=shop.seller_actor, product_id=product.pk, name="First name")
    shown = viewer(shop).get(history_of(product), headers={"Accept-Language": "zh-hans"}).content.decode()
    assert "名称:" in shown
    assert "name:" not in shown


def test_history_says_in_chinese_that_personal_data_were_changed(root: Client, shop: Shop) -> None:
    page = page_of(shop.seller)
    assert root.post(page, filled(root.get(page), name="Another name")).status_code == 302
    shown = root.get(history_of(shop.seller), headers={"Accept-Language": "zh-hans"}).content.decode()
    assert "已更改" in shown
    assert "Another name" not in shown


@pytest.mark.parametrize("name", DETAILS)
def test_every_detail_has_a_chinese_name(name: str) -> None:
    with override("zh-hans"):
        shown = detail_label(name.replace(" ", "_"), Organization)
    assert shown != name
    assert shown


def test_order_has_its_history(shop: Shop) -> None:
    order = shop.place(MAC)
    client = viewer(shop)
    assert history_of(order) in client.get(page_of(order)).content.decode()
    shown = client.get(history_of(order)).content.decode()
    assert "Order placed" in shown
    assert client.post(history_of(order)).status_code == 405


def test_history_is_that_of_ones_own_organisations(shop: Shop, root: Client) -> None:
    order = shop.place(MAC)
    stranger = viewer(build_shop())
    assert stranger.get(history_of(order)).status_code == 404
    # Rows about a row that one sees, of an organisation that one does not see.
    other = build_shop()
    record_change(
        actor=other.seller_actor,
        action="orders.secret_of_others",
        subject_type="orders.order",
        subject_id=str(order.pk),
    )
    assert "secret of others" not in viewer(shop).get(history_of(order)).content.decode()
    assert "Secret of others" in root.get(history_of(order)).content.decode()


def test_who_may_not_read_the_trail_sees_no_history(shop: Shop) -> None:
    person = build_person(shop.organization, "narrow", is_staff=True)
    person.user_permissions.set(Permission.objects.filter(codename="view_order"))
    order, client = shop.place(MAC), browser(person)
    assert history_of(order) not in client.get(page_of(order)).content.decode()
    assert client.get(history_of(order)).status_code == 403


def test_history_has_pages(shop: Shop) -> None:
    order = shop.place(MAC)
    for number in range(60):
        record_change(
            actor=shop.seller_actor,
            action="orders.tried",
            subject_type="orders.order",
            subject_id=str(order.pk),
            data={"number": number},
        )
    client = viewer(shop)
    first, second = (client.get(history_of(order), {"p": page}) for page in (1, 2))
    assert [len(page.context["entries"]) for page in (first, second)] == [50, 11]
    for odd in ("0", "-1", "x", "9" * 400):
        assert client.get(history_of(order), {"p": odd}).status_code == 200


@pytest.mark.parametrize("model", list(admin.site._registry), ids=lambda model: model._meta.label_lower)
def test_each_kind_has_a_history_or_no_button(model: Any, shop: Shop, root: Client) -> None:
    page = admin.site._registry[model]
    assert isinstance(page, BoundedSearch)
    shop.place(MAC)
    row = model._default_manager.first()
    answer = root.get(
        history_of(row)
        if row
        else reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_history", args=["1"])
    )
    assert answer.status_code == (200 if page.audit_subject and row else 404)
    if row is not None:
        shown = root.get(page_of(row)).content.decode()
        assert (history_of(row) in shown) == bool(page.audit_subject)


def test_kind_that_the_trail_does_not_record_has_no_history(shop: Shop, root: Client) -> None:
    shop.place(MAC)
    event = OrderEvent.objects.all()[0]
    assert root.get(history_of(event)).status_code == 404
    assert root.get(history_of(Order.objects.all()[0])).status_code == 200


def test_rights_that_are_given_and_taken_are_in_the_trail(shop: Shop, root: Client) -> None:
    person = build_person(shop.organization, "new")
    member = Membership.objects.get(user=person)
    sent = filled(
        root.get(page_of(person)),
        email="other-address@example.com",
        name="Wang Fang",
        is_staff="on",
        groups=[Group.objects.get(name="auditor").pk],
        **{"memberships-0-role": "admin"},
    )
    assert root.post(page_of(person), sent).status_code == 302
    event = events_of("identity.user_changed")[0]
    assert event.data["is_staff"] == {"before": False, "after": True}
    assert event.data["groups"]["after"] == ["auditor"]
    assert (event.data["email"], event.data["name"]) == ("changed", "changed")
    assert "other-address" not in str(event.data)
    role = events_of("identity.role_changed")[0]
    assert role.data == {"role": {"before": "member", "after": "admin"}}
    assert (role.organization_id, role.subject_id) == (member.organization_id, str(person.pk))
    shown = root.get(history_of(person)).content.decode()
    for text in ("no → yes", "groups, added:", "member → admin", "root@example.com"):
        assert text in shown, text
    assert "member → admin" in root.get(history_of(member)).content.decode()


def test_memberships_groups_and_organisations_are_in_the_trail(root: Client) -> None:
    person = User.objects.create_user("new@example.com", None)
    root.post(reverse("admin:identity_organization_add"), {"slug": "new", "name": "New"})
    organization = Organization.objects.get(slug="new")
    assert events_of("identity.organization_added")[0].organization_id == organization.pk
    root.post(page_of(organization), filled(root.get(page_of(organization)), name="Newer"))
    renamed = events_of("identity.organization_changed")[0]
    assert renamed.data == {"name": {"before": "New", "after": "Newer"}}
    add = reverse("admin:identity_membership_add")
    root.post(add, {"user": person.pk, "organization": organization.pk, "role": "member"})
    member = Membership.objects.get(user=person)
    assert events_of("identity.member_added")[0].data == {"role": "member"}
    root.post(page_of(member).replace("change", "delete"), {"post": "yes"})
    assert events_of("identity.member_removed")[0].organization_id == organization.pk
    some = Permission.objects.filter(codename="view_order")
    root.post(reverse("admin:auth_group_add"), {"name": "night", "permissions": [some[0].pk]})
    group = Group.objects.get(name="night")
    root.post(page_of(group), filled(root.get(page_of(group)), permissions=None))
    assert len(events_of("identity.group_added")[0].data["permissions"]["after"]) == 1
    assert events_of("identity.group_changed")[0].data["permissions"]["after"] == []
    assert "permissions, removed" in root.get(history_of(group)).content.decode()
    root.post(reverse("admin:auth_group_delete", args=[group.pk]), {"post": "yes"})
    assert len(events_of("identity.group_deleted")) == 1


def test_new_password_is_in_the_trail_without_the_password(root: Client) -> None:
    person = User.objects.create_user("new@example.com", None)
    word = "a-passphrase-of-some-length"
    page = reverse("admin:auth_user_password_change", args=[person.pk])
    sent = {"password1": word, "password2": word, "usable_password": "true", "set-password": "x"}
    assert root.post(page, sent).status_code == 302
    assert [event.data for event in events_of("identity.user_changed")] == [{"password": "changed"}]


def test_history_of_a_person_holds_what_the_api_did() -> None:
    team: Team = build_team()
    person = team.people[Role.MEMBER]
    change_member_role(actor=team.actor(Role.OWNER), user_id=person.pk, role=Role.AUDITOR)
    root = browser(User.objects.create_superuser("root@example.com", "correct horse battery"))
    assert "member → auditor" in root.get(history_of(person)).content.decode()
