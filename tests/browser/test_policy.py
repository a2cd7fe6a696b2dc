"""The policy of pages in a real browser: Swagger UI lives with it, and over TLS offences are told as well."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from playwright.sync_api import Browser

from tests.browser.conftest import LISTEN, Visitor, reported, web_process
from tests.live import eventually
from tests.security.test_production import environment
from tests.stories import Shop

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


def certify_itself(key_file: Path, certificate_file: Path) -> None:
    """Write a key and a certificate of it for an hour."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(hours=1))
        .sign(key, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    key_file.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    certificate_file.write_bytes(certificate.public_bytes(pem))


@pytest.fixture(scope="module")
def secure_url(database: str, server_dir: Path) -> Iterator[str]:
    """A web process with the settings of production that ends TLS itself, with a certificate of its own."""
    key, certificate = server_dir / "tls.key", server_dir / "tls.crt"
    certify_itself(key, certificate)
    # In place of gunicorn.conf.py, which refuses the database of tests.
    config = server_dir / "secure.conf.py"
    config.write_text(
        f'worker_class = "holo.web.BoundedThreads"\nkeyfile = "{key}"\ncertfile = "{certificate}"\n'
    )
    log = server_dir / "secure.log"
    with web_process(log, "--config", str(config), scheme="https", environment=environment()) as url:
        yield url


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
