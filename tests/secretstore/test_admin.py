"""Secrets in the admin: never a value but on one page, after a code, for a reason, with a trace."""

import json
from html import unescape
from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse

from holo.audit.models import AuditEvent
from holo.common.actor import OrganizationId, system_actor
from holo.common.step_up import page_of_step_up
from holo.identity.models import Organization, User
from holo.secretstore.models import Secret
from holo.secretstore.places import INSTALLATION, place_of
from holo.secretstore.services import NOBODY, delete_secret, set_secret
from orders.groups import ensure_groups
from tests.api.people import build_person
from tests.builders import build_organization
from tests.conftest import OwnerAccess
from tests.logins import log_in, show_no_code_since

pytestmark = pytest.mark.usefixtures("fresh_database")
VALUE, REASON = "canary-7f3a-value", "The provider asked us to compare it."
LIST = "/admin/secretstore/secret/"


@pytest.fixture
def organization() -> Organization:
    return build_organization()


@pytest.fixture
def secret(organization: Organization) -> Secret:
    actor = system_actor(OrganizationId(organization.pk))
    set_secret(actor=actor, place=place_of(organization), name="payment/stripe", value=VALUE)
    return Secret.objects.get(name="payment/stripe")


@pytest.fixture
def root() -> Client:
    return browser(build_person(organization=None, superuser=True))


def browser(person: User) -> Client:
    client = Client()
    log_in(client, person)
    return client


def page_of(secret_id: UUID) -> str:
    return reverse("admin:secretstore_secret_reveal", args=[secret_id])


def traces() -> int:
    return AuditEvent.objects.filter(action="secretstore.secret_revealed").count()


def test_value_is_shown_once_for_a_reason_that_is_kept(secret: Secret, root: Client) -> None:
    assert VALUE not in root.get(page_of(secret.pk)).content.decode()
    answer = root.post(page_of(secret.pk), {"reason": REASON})
    assert VALUE in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    assert VALUE not in root.get(page_of(secret.pk)).content.decode()
    trace = AuditEvent.objects.get(action="secretstore.secret_revealed")
    assert trace.organization_id == secret.organization_id
    assert trace.actor_label == f"user:{User.objects.get(is_superuser=True).pk}"
    assert trace.data == {"name": secret.name, "version": 1, "reason": REASON}


@pytest.mark.parametrize(
    "value", ["\n\na\r\nb\r", "\r", "e\u0301 <b>&amp;\u2028\x85", " a ", "\u202e\u3164", "a\0b"], ids=ascii
)
def test_the_page_holds_the_value_as_it_is(organization: Organization, root: Client, value: str) -> None:
    actor = system_actor(OrganizationId(organization.pk))
    set_secret(actor=actor, place=place_of(organization), name="pay", value=value)
    page = root.post(page_of(Secret.objects.get(name="pay").pk), {"reason": REASON}).content.decode()
    assert pre_of(page) == (value if "\0" not in value else json.dumps(value))


def pre_of(page: str) -> str:
    """Return the text of the element with the value, as a browser reads it."""
    source = page.replace("\r\n", "\n").replace("\r", "\n").partition('class="secret-value">')[2]
    return unescape(source.partition("</pre>")[0].removeprefix("\n").replace("&#13;", "\r"))


@pytest.mark.parametrize(
    "reason",
    [
        "",
        "too short",
        "x" * 1001,
        "long enough \u202e",
        "\u3164" * 20,
        "long \u2800 enough",
        "long enough\ufe0f",
    ],
)
def test_nothing_is_shown_without_a_reason(secret: Secret, root: Client, reason: str) -> None:
    assert VALUE not in root.post(page_of(secret.pk), {"reason": reason}).content.decode()
    assert traces() == 0


def test_nothing_is_shown_that_is_not_audited(secret: Secret, root: Client, owner: OwnerAccess) -> None:
    owner.execute(
        "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'no audit'; END $$;"
        " CREATE TRIGGER full_disk BEFORE INSERT ON audit_auditevent FOR EACH ROW"
        " WHEN (NEW.action = 'secretstore.secret_revealed') EXECUTE FUNCTION full_disk()"
    )
    root.raise_request_exception = False
    answer = root.post(page_of(secret.pk), {"reason": REASON})
    assert answer.status_code == 500
    assert VALUE not in answer.content.decode()
    assert traces() == 0


def test_no_other_page_shows_a_value_or_its_length(secret: Secret, root: Client) -> None:
    assert (
        page_of(secret.pk)
        in root.get(reverse("admin:secretstore_secret_change", args=[secret.pk])).content.decode()
    )
    pages = [LIST, reverse("admin:secretstore_secret_change", args=[secret.pk])]
    for page in pages:
        text = root.get(page).content.decode()
        assert "payment/stripe" in text
        assert "••••••••" in text
        assert VALUE not in text


def test_old_code_is_not_enough(secret: Secret, root: Client) -> None:
    show_no_code_since(root)
    page = page_of(secret.pk)
    for answer in (root.get(page), root.post(page, {"reason": REASON})):
        assert answer["Location"] == page_of_step_up(page)
    assert traces() == 0


@pytest.mark.parametrize("group", ["viewer", "operator", "auditor"])
def test_nobody_but_superusers_knows_of_a_secret(
    organization: Organization, secret: Secret, group: str
) -> None:
    ensure_groups()
    person = build_person(organization=organization, groups=[group])
    User.objects.filter(pk=person.pk).update(is_staff=True)
    client = browser(User.objects.get(pk=person.pk))
    for page in (LIST, reverse("admin:secretstore_secret_change", args=[secret.pk]), page_of(secret.pk)):
        assert client.get(page).status_code == 403
    assert client.post(page_of(secret.pk), {"reason": REASON}).status_code == 403
    assert "secretstore" not in client.get("/admin/").content.decode()


def test_no_stock_form_writes_a_secret(secret: Secret, root: Client) -> None:
    for name, args in (("add", []), ("change", [secret.pk]), ("delete", [secret.pk])):
        address = reverse(f"admin:secretstore_secret_{name}", args=args)
        assert root.post(address, {"name": "x", "post": "yes"}).status_code == 403
    assert Secret.objects.get(pk=secret.pk).name == "payment/stripe"


@pytest.mark.parametrize("name", ["staff/second-factor/x", "apiauth/signing/x"])
def test_what_the_product_keeps_for_itself_is_shown_to_nobody(root: Client, name: str) -> None:
    set_secret(actor=system_actor(NOBODY), place=INSTALLATION, name=name, value=VALUE)
    hidden = Secret.objects.get(name=name)
    page = root.get(reverse("admin:secretstore_secret_change", args=[hidden.pk])).content.decode()
    assert name in page
    assert page_of(hidden.pk) not in page
    assert root.post(page_of(hidden.pk), {"reason": REASON}).status_code == 404
    assert traces() == 0


def test_deleted_secret_is_not_found(organization: Organization, secret: Secret, root: Client) -> None:
    actor = system_actor(OrganizationId(organization.pk))
    delete_secret(actor=actor, place=place_of(organization), name=secret.name)
    assert root.post(page_of(secret.pk), {"reason": REASON}).status_code == 404


def test_secret_of_the_installation_with_another_form_than_text(root: Client) -> None:
    set_secret(actor=system_actor(NOBODY), place=INSTALLATION, name="mail/dkim", value={"selector": "s1"})
    answer = root.post(page_of(Secret.objects.get(name="mail/dkim").pk), {"reason": REASON})
    assert "selector" in answer.content.decode()
    assert AuditEvent.objects.get(action="secretstore.secret_revealed").organization_id == NOBODY
