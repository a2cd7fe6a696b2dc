"""A real Chromium before a real web process, on a database of the package's own.

Where there is no Chromium the journeys are not collected, and one line at the end says so. Every journey ends
with the same two questions: did the browser refuse anything, did a request leave this host?
"""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from django.contrib.auth.models import Group
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, sync_playwright
from pytest_django.plugin import DjangoDbBlocker

from holo.identity.models import User
from holo.stack.postgres import PostgresServer
from tests.conftest import cloned_database
from tests.logins import Device, enrol
from tests.stories import Shop, build_shop
from tests.web_process import web_process

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
# The same engine without a window and without services such as reports: a quarter less processor for a page.
SHELL = shutil.which("chromium-headless-shell") or CHROMIUM
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Else reports wait for a minute.
    "--short-reporting-delay",
]
PASSWORD = "correct horse battery staple"
ROOT = Path(__file__).resolve().parents[2]
# Tells of what the policy refused even where Chromium's console would not.
LISTEN = """document.addEventListener("securitypolicyviolation",
    event => console.error("CSP", event.violatedDirective, event.blockedURI))"""

collect_ignore_glob = [] if CHROMIUM else ["test_*.py"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in one line that the journeys were left out."""
    if not CHROMIUM:
        terminalreporter.write_line("browser journeys left out: there is no Chromium on PATH")


@pytest.fixture(scope="package")
def database(
    postgres: PostgresServer, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[str]:
    """A clone of the migrated database for all journeys; each journey makes an organisation of its own."""
    # Playwright's loop runs in the thread that also asks the database; no coroutine ever does.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    try:
        yield from cloned_database(postgres, django_db_blocker)
    finally:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture(scope="package")
def base_url(database: str, server_dir: Path) -> Iterator[str]:
    """A web process on a free port for all journeys."""
    with web_process(server_dir / "web.log") as running:
        yield f"http://127.0.0.1:{running.port}"


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """One browser for all journeys."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=SHELL, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def whole_chromium(chromium: Browser) -> Iterator[Browser]:
    """A browser with all its services."""
    browser = chromium.browser_type.launch(executable_path=CHROMIUM, args=FLAGS)
    yield browser
    browser.close()


@dataclass  # without slots: Playwright marks the objects whose methods listen
class Visitor:
    """A person before a page, and what the browser had to complain about."""

    page: Page
    base_url: str
    complaints: list[str] = field(default_factory=list)

    def log_in(self, user: User) -> Device:
        """Log in by the forms with both factors; return the person's device."""
        device = enrol(user)
        self.page.goto(f"{self.base_url}/admin/")
        self.page.get_by_label("E-mail address").fill(user.email)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Log in").click()
        self.page.get_by_label("Code").fill(device.present())
        self.page.get_by_role("button", name="Log in").click()
        self.page.wait_for_url("**/admin/")
        return device

    def open(self, path: str) -> None:
        """Open a page of this host."""
        self.page.goto(f"{self.base_url}{path}")

    def look(self, name: str) -> None:
        """Keep a picture of the page where LOOK_AT names a folder, for people to look at."""
        folder = os.environ.get("LOOK_AT")
        if folder:
            language = self.page.locator("html").get_attribute("lang")
            self.page.screenshot(path=f"{folder}/{name}.{language}.png", full_page=True)

    def note_message(self, message: ConsoleMessage) -> None:
        """Keep what Chromium complains about."""
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def note_request(self, request: Request) -> None:
        """Keep where a request goes, if it is not this host."""
        if not request.url.startswith((self.base_url, "data:")):
            self.complaints.append(f"left the host: {request.url}")


def reported(visitor: Visitor, directive: str) -> float:
    """Return how many offences against a directive browsers have told this web process of."""
    told = visitor.page.context.request.get(f"{visitor.base_url}/metrics")
    assert told.status == 200
    line = rf'^holo_csp_reports_total{{directive="{directive}"}} (\S+)$'
    found = re.search(line, told.text(), re.MULTILINE)
    return float(found[1]) if found else 0.0


VisitorWith = Callable[..., Visitor]


@pytest.fixture
def visitor_with(chromium: Browser, base_url: str) -> Iterator[VisitorWith]:
    """Make visitors; at the end none of them may have seen a refusal or a foreign request."""
    contexts: list[BrowserContext] = []
    visitors: list[Visitor] = []

    def make(*, width: int = 1280, height: int = 900, locale: str = "en-GB") -> Visitor:
        context = chromium.new_context(viewport={"width": width, "height": height}, locale=locale)
        context.set_default_timeout(15_000)
        context.add_init_script(LISTEN)
        contexts.append(context)
        visitor = Visitor(page=context.new_page(), base_url=base_url)
        context.on("request", visitor.note_request)
        visitor.page.on("console", visitor.note_message)
        visitors.append(visitor)
        return visitor

    yield make
    for context in contexts:
        context.close()
    assert [visitor.complaints for visitor in visitors if visitor.complaints] == []


@pytest.fixture
def visitor(visitor_with: VisitorWith) -> Visitor:
    """A visitor with a desktop screen."""
    return visitor_with()


@pytest.fixture
def shop(database: str) -> Shop:
    """A shop whose people have a password; the seller is an operator."""
    shop = build_shop()
    for person in (shop.seller, shop.auditor):
        person.set_password(PASSWORD)
        person.save()
    shop.seller.groups.add(Group.objects.get(name="operator"))
    return shop
