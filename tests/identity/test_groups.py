"""Built-in groups keep their names and stay; one's own are deleted after a page that says what goes."""

import re

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import IntegrityError
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from holo.identity.models import User
from holo.identity.permission_labels import permission_label
from orders.groups import BUILT_IN, ensure_groups
from tests.conftest import OwnerAccess
from tests.forms import filled
from tests.logins import log_in
from tests.racing import race

pytestmark = pytest.mark.usefixtures("fresh_database")


@pytest.fixture
def root() -> Client:
    ensure_groups()
    client = Client()
    log_in(client, User.objects.create_superuser("root@example.com", "correct horse battery"))
    return client


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_group_is_neither_renamed_nor_deleted(root: Client, name: str) -> None:
    group = Group.objects.get(name=name)
    page = reverse("admin:auth_group_change", args=[group.pk])
    shown = root.get(page).content.decode()
    assert "deletelink" not in shown
    assert "Can view order" in shown
    kept = list(group.permissions.values_list("pk", flat=True))
    assert root.post(page, {"name": "renamed", "permissions": kept}).status_code == 302
    delete = reverse("admin:auth_group_delete", args=[group.pk])
    refused = root.post(delete, {"post": "yes"}, follow=True)
    assert refused.redirect_chain[-1][0] == page
    assert "this group is built in" in refused.content.decode()
    chosen = {"action": "delete_selected", "_selected_action": [group.pk], "post": "yes"}
    root.post(reverse("admin:auth_group_changelist"), chosen)
    assert Group.objects.get(pk=group.pk).name == name


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_group_keeps_its_permissions(root: Client, name: str) -> None:
    """Without `decide_order` nobody decides, and what was taken away came back with the next upgrade."""
    group = Group.objects.get(name=name)
    page = reverse("admin:auth_group_change", args=[group.pk])
    before = set(group.permissions.values_list("pk", flat=True))
    more = Permission.objects.exclude(pk__in=before).first()
    assert more is not None
    for kept in ([], sorted(before)[1:]):
        answer = root.post(page, filled(root.get(page), permissions=kept or None))
        assert "is built in and keeps its permissions" in answer.content.decode()
    assert root.post(page, filled(root.get(page), permissions=[*before, more.pk])).status_code == 302
    assert set(group.permissions.values_list("pk", flat=True)) == before | {more.pk}
    assert root.post(page, filled(root.get(page), permissions=[*before])).status_code == 302
    assert set(group.permissions.values_list("pk", flat=True)) == before


@pytest.mark.parametrize("name", BUILT_IN)
def test_database_keeps_built_in_groups(root: Client, name: str) -> None:
    with pytest.raises(IntegrityError, match="built in"):
        Group.objects.filter(name=name).update(name="renamed")
    with pytest.raises(IntegrityError, match="built in"):
        Group.objects.filter(name=name).delete()


def test_control_without_the_trigger_a_built_in_group_goes(root: Client, owner: OwnerAccess) -> None:
    owner.execute("DROP TRIGGER orders_built_in_group_kept_d ON auth_group")
    Group.objects.filter(name="auditor").delete()
    assert not Group.objects.filter(name="auditor").exists()


def test_permissions_are_named_in_the_readers_language(root: Client) -> None:
    """Django stores their names in English."""
    group = Group.objects.create(name="night shift")
    group.permissions.set(Permission.objects.filter(codename__in=["cancel_order", "view_order"]))
    shown = Permission.objects.select_related("content_type")
    assert [permission_label(one) for one in shown] == [str(one) for one in shown]
    for page in ("change", "delete"):
        address = reverse(f"admin:auth_group_{page}", args=[group.pk])
        assert "Can cancel an order" in root.get(address).content.decode()
        chinese = root.get(address, headers={"Accept-Language": "zh-hans"}).content.decode()
        assert "Can cancel an order" not in chinese
        assert "可以取消订单并回滚" in chinese


def test_own_group_is_deleted_after_a_page_in_words(root: Client) -> None:
    group = Group.objects.create(name="night shift")
    group.permissions.set(Group.objects.get(name="operator").permissions.all())
    person = User.objects.create_user("wang@example.com", None)
    person.groups.add(group)
    page = reverse("admin:auth_group_delete", args=[group.pk])
    asked = root.get(page).content.decode()
    assert " object (" not in asked
    assert "[" not in re.sub(r"<script.*?</script>", "", asked.partition('id="content"')[2], flags=re.DOTALL)
    assert all(text in asked for text in ("night shift", "wang@example.com", "Can cancel"))
    assert root.post(page, {"post": "yes"}).status_code == 302
    assert not Group.objects.filter(pk=group.pk).exists()


@pytest.mark.parametrize("name", ["AUDITOR", " auditor ", "Auditor", "ａｕｄｉｔｏｒ", "auditor\u200b"])
def test_no_two_groups_have_names_that_read_the_same(root: Client, name: str) -> None:
    shown = root.post(reverse("admin:auth_group_add"), {"name": name}).content.decode()
    assert "There is a group “auditor” already." in shown or "U+200B" in shown
    assert {group.name for group in Group.objects.all()} == set(BUILT_IN)


def test_group_that_is_deleted_while_somebody_gets_it_ends_in_no_error(root: Client) -> None:
    group = Group.objects.create(name="night shift")
    person = User.objects.create_user("wang@example.com", None)
    other = Client()
    log_in(other, User.objects.create_superuser("second@example.com", "correct horse battery"))
    page = reverse("admin:identity_user_change", args=[person.pk])
    form = filled(other.get(page)) | {"groups": [group.pk]}
    gone = reverse("admin:auth_group_delete", args=[group.pk])
    calls = [lambda: root.post(gone, {"post": "yes"}), lambda: other.post(page, form)]
    for answer in race([calls[number % 2] for number in range(4)]):
        assert isinstance(answer, HttpResponse), answer
        assert answer.status_code in (200, 302)
    assert not Group.objects.filter(name="night shift").exists()
