"""Pages of people who log in, on hosts of their own (ADMIN_HOSTS)."""

from contextlib import closing

import pytest
from django.test import Client
from pytest_django import Settings

from holo.identity.models import User
from tests.api.people import build_person
from tests.builders import build_organization
from tests.logins import log_in
from tests.permissions import surface

pytestmark = pytest.mark.usefixtures("fresh_database")

ADMIN, API = "admin.example.com", "api.example.com"
# What is the same on every host; all else that has an address is a page of people who log in.
OPEN = {
    "accept-invitation",
    "set_language",
    "schema",
    "docs",
    "errors",
    "live",
    "ready",
    "metrics",
    "csp-reports",
}


@pytest.fixture(autouse=True)
def hosts(settings: Settings) -> None:
    settings.ALLOWED_HOSTS = [ADMIN, API]
    settings.ADMIN_HOSTS = [ADMIN]


@pytest.fixture
def person() -> User:
    person = build_person(organization=build_organization(), groups=["viewer"], superuser=True)
    User.objects.filter(pk=person.pk).update(is_staff=True)
    return User.objects.get(pk=person.pk)


def browser(person: User) -> Client:
    client = Client()
    log_in(client, person)
    return client


def paths() -> dict[str, str]:
    """Return an address of every page, by its name."""
    return {name: surface.address(name, route)[0] for name, route in surface.pages().items()}


def test_pages_of_people_are_on_their_hosts_alone(person: User) -> None:
    client = browser(person)
    closed = {name: path for name, path in paths().items() if name not in OPEN}
    assert len(closed) > 50
    found = {name: client.get(path, headers={"host": API}).status_code for name, path in closed.items()}
    assert found == dict.fromkeys(closed, 404)
    for path in ("/admin", "/authorize", "/Admin/", "//admin/", "/api/../admin/"):
        assert client.get(path, headers={"host": API}).status_code == 404, path
    moved = client.get(
        "/api/admin/login/", headers={"host": API}, SCRIPT_NAME="/api", PATH_INFO="/admin/login/"
    )
    assert moved.status_code == 404
    for host in (f"{API}:443", API.upper(), f"{API}."):
        assert client.get("/admin/", headers={"host": host}).status_code == 404, host
    for host in (ADMIN, f"{ADMIN}:443", ADMIN.upper()):
        assert client.get("/admin/", headers={"host": host}).status_code == 200, host


@pytest.mark.parametrize("host", [ADMIN, API])
def test_the_rest_is_on_every_host(host: str) -> None:
    client = Client(headers={"host": host})
    assert client.get("/healthz/live").status_code == 200
    assert client.get("/metrics").status_code == 200
    assert client.get("/csp-reports").status_code == 405
    assert client.get("/api/errors").status_code == 200
    assert client.get("/api/v1/orders").status_code == 401
    assert b"invitation" in client.get("/invitations/none").content
    with closing(client.get("/static/holo/theme.css")) as sheet:
        assert sheet.status_code == 200


def test_session_counts_on_its_host_alone(person: User) -> None:
    client = browser(person)
    assert client.get("/api/v1/whoami", headers={"host": ADMIN}).status_code == 200
    assert client.get("/api/v1/whoami", headers={"host": API}).status_code == 401


def test_control_without_the_setting_every_host_has_the_admin(person: User, settings: Settings) -> None:
    settings.ADMIN_HOSTS = []
    client = browser(person)
    for host in (ADMIN, API):
        assert client.get("/admin/", headers={"host": host}).status_code == 200
        assert client.get("/api/v1/whoami", headers={"host": host}).status_code == 200
