"""Pages whose row somebody holds: they answer within the limit, and say that nothing was changed."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from django.conf import LazySettings
from django.urls import reverse

from holo.identity.models import User
from tests.builders import build_organization
from tests.conftest import OwnerAccess
from tests.forms import filled
from tests.staff.test_kept_forms import PASSWORD, Browser, root, shop
from tests.stories import Shop

__all__ = ["root", "shop"]
pytestmark = pytest.mark.usefixtures("fresh_database")
ANOTHER = "another correct horse battery"


@pytest.fixture(autouse=True)
def short(settings: LazySettings) -> None:
    settings.DB_LOCK_TIMEOUT_MS = 200


@contextmanager
def held(owner: OwnerAccess, table: bytes) -> Iterator[None]:
    """Hold all rows of a table, for five seconds at most: a page that waits longer fails its test."""
    with psycopg.connect(owner.server.owner_url(owner.database)) as holder:
        holder.execute("SET LOCAL idle_in_transaction_session_timeout = '5s'")
        holder.execute(b"SELECT FROM " + table + b" FOR UPDATE")
        yield


@pytest.mark.parametrize("whose", ["somebody's", "one's own"])
def test_a_new_password_waits_no_longer_than_a_command(
    owner: OwnerAccess, root: Browser, shop: Shop, whose: str
) -> None:
    person = shop.auditor if whose == "somebody's" else root.person
    if whose == "somebody's":
        page = f"/admin/identity/user/{person.pk}/password/"
        values = {"password1": ANOTHER, "password2": ANOTHER, "usable_password": "true"}
    else:
        page = reverse("admin:password_change")
        values = {"old_password": PASSWORD, "new_password1": ANOTHER, "new_password2": ANOTHER}
    form = filled(root.get(page), **values)
    before = User.objects.get(pk=person.pk).password
    with held(owner, b"identity_user"):
        answer = root.post(page, form)
    assert (answer.status_code, answer["Retry-After"]) == (503, "1")
    assert "Nothing was changed." in answer.content.decode()
    assert User.objects.get(pk=person.pk).password == before
    assert root.post(page, form).status_code == 302


def test_a_log_in_that_meets_a_held_row_is_told_to_come_again(owner: OwnerAccess, root: Browser) -> None:
    """It was a page that said 500, with a traceback in the log."""
    other = Browser(User.objects.create_superuser("other@example.com", PASSWORD))
    answer = other.post("/admin/login/", {"username": other.person.email, "password": PASSWORD})
    with held(owner, b"staff_secondfactor"):
        refused = other.post(answer["Location"], {"code": other.device.code()})
    assert refused.status_code == 503
    assert other.post(answer["Location"], {"code": other.device.code()}).status_code == 302


@pytest.mark.parametrize(
    ("name", "table"), [("user", b"identity_user"), ("membership", b"identity_organization")]
)
def test_a_row_that_waits_at_the_commit_is_not_said_to_be_added(
    owner: OwnerAccess, root: Browser, shop: Shop, name: str, table: bytes
) -> None:
    """Foreign keys are checked by COMMIT, when the message of success has been queued."""
    page = reverse(f"admin:identity_{name}_add")
    values: dict[str, object] = {"email": "new@example.com", "usable_password": "false"}
    if name == "membership":
        values = {"user": shop.seller.pk, "organization": build_organization().pk, "role": "member"}
    form = filled(root.get(page), **values)
    with held(owner, table):
        answer = root.post(page, form)
    assert (answer.status_code, answer["Location"]) == (302, page)
    again = root.get(page)
    assert "added successfully" not in again.content.decode()
    assert "Nothing was changed" in again.content.decode()
    # Nothing of a password is kept with the form.
    chosen = {"usable_password": "false"} if name == "user" else {}
    assert "added successfully" in root.post(page, filled(again, **chosen), follow=True).content.decode()
