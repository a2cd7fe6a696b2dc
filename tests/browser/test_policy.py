"""The policy of pages in a real browser: Swagger UI lives with it, and over TLS offences are told as well."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import LISTEN, Visitor, reported
from tests.browser.tls import tls_before
from tests.live import eventually
from tests.security.test_production import environment
from tests.stories import Shop
from tests.web_process import web_process

pytestmark = pytest.mark.browser


def test_documentation_works_and_offends_nothing(visitor: Visitor, shop: Shop) -> None:
    """That it complained of nothing is seen at the end of every test."""
    page = visitor.page
    visitor.open("/api/docs")
    page.locator(".opblock-tag").first.wait_for()
    whoami = page.locator("[id$=whoami_retrieve]").first
    whoami.locator(".opblock-summary-control").click()
    whoami.locator(".try-out__btn").click()
    whoami.locator("button.execute").click()
    whoami.locator(".live-responses-table .response-col_status", has_text="401").first.wait_for()
    posts = page.locator(".opblock-post .opblock-summary-control")
    for number in range(3):
        posts.nth(number).click()
    page.locator(".opblock-post .body-param__example, .opblock-post .highlight-code").first.wait_for()
    page.locator("button.authorize").first.click()
    page.locator(".modal-ux").wait_for()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(250, 250, 250)"
    assert page.locator("style").count() == 0
    visitor.complaints[:] = [one for one in visitor.complaints if "401 (Unauthorized)" not in one]


@pytest.fixture(scope="module")
def secure_url(database: str, server_dir: Path) -> Iterator[str]:
    """A web process with the settings of production, behind a proxy with a certificate of its own."""
    command = (sys.executable, "-m", "tests.browser.unchecked_web")
    log = server_dir / "secure.log"
    # The browser reads the metrics, as this machine may where there is no token.
    values = {**environment(), "METRICS_TOKEN": ""}
    with (
        web_process(log, command=command, environment=values) as running,
        tls_before(running.port, server_dir) as port,
    ):
        yield f"https://127.0.0.1:{port}"


def test_over_tls_the_newer_kind_of_report_arrives(whole_chromium: Browser, secure_url: str) -> None:
    context = whole_chromium.new_context(ignore_https_errors=True)
    context.add_init_script(LISTEN)
    visitor = Visitor(page=context.new_page(), base_url=secure_url)
    try:
        visitor.open("/admin/login/")
        assert reported(visitor, "script-src-attr") == 0
        visitor.page.evaluate(
            """document.body.insertAdjacentHTML("beforeend", "<img src=x onerror='x()'>")"""
        )
        eventually(lambda: reported(visitor, "script-src-attr") == 1, what="the browser's report")
    finally:
        context.close()
