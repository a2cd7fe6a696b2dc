"""Takes the pictures of `docs/images/` from a running demo stack.

    make run                                  # in another terminal, until the demo has ended
    .venv/bin/python docs/screenshots.py      # or with another address: … http://127.0.0.1:9000

It places a few orders that wait for a decision, lets one be approved, paid and shipped, and looks at the
pages as the approver does. A picture in Chinese is taken only where the page is translated.
"""

import os
import re
import shutil
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

IMAGES = Path(__file__).resolve().parent / "images"
PASSWORD = "holo-demo"
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
FLAGS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
WIDTH, HEIGHT, MAX_BYTES = 1280, 860, 200_000
LANGUAGES = {"en": "", "zh-hans": ".zh-hans"}
# Each waits for a decision; seconds to its deadline, so that the inbox shows more than one degree of urgency.
WAITING: tuple[tuple[list[Any], int], ...] = (
    (["MacPro"], 2_700),
    ([{"sku": "MacPro", "quantity": 2}, "iPhone15"], 4 * 3600),
    (["MacPro", {"sku": "iPadAir", "quantity": 3}], 20 * 3600),
    (["MacPro", "StudioDisplay"], 24 * 3600),
)


def main() -> int:
    """Take every picture; return 1 if one is larger than a repository should carry."""
    base = sys.argv[1].rstrip("/") if len(sys.argv) > 1 else "http://127.0.0.1:8000"
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        print("no Chromium on PATH; set CHROMIUM", file=sys.stderr)
        return 1
    IMAGES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        approver = _log_in(browser, base, "approver")
        shipped = _tell_the_story(browser, base, approver)
        sizes = _take_all(base, approver, shipped)
        browser.close()
    for name, size in sizes.items():
        print(f"{name}: {size // 1000} kB")
    return int(any(size > MAX_BYTES for size in sizes.values()))


def _log_in(browser: Browser, base: str, who: str) -> Page:
    context = browser.new_context(
        viewport={"width": WIDTH, "height": HEIGHT}, locale="en-GB", color_scheme="light"
    )
    page = context.new_page()
    page.goto(f"{base}/admin/login/?next=/admin/")
    page.locator("#id_username").fill(f"{who}@example.com")
    page.locator("#id_password").fill(PASSWORD)
    page.locator("input[type=submit]").click()
    page.locator("#id_code").fill(_code())
    page.locator("input[type=submit]").click()
    page.wait_for_url("**/admin/")
    return page


def _code() -> str:
    """Return the code that the demonstration's devices show at this moment."""
    command = [sys.executable, "manage.py", "second_factor", "demo-code"]
    shown = subprocess.run(command, cwd=IMAGES.parents[1], capture_output=True, text=True, check=True)
    return shown.stdout.strip()


def _tell_the_story(browser: Browser, base: str, approver: Page) -> str:
    """Place the orders; return the path of the one that was approved, paid and shipped."""
    operator = _log_in(browser, base, "operator").context
    shipped = _post(operator, base, "/api/v1/orders", {"items": ["MacPro", "AirPodsPro", "AppleWatch"]})
    for items, seconds in WAITING:
        sandbox = {"approval_deadline_seconds": seconds}
        _post(operator, base, "/api/v1/orders", {"items": items, "sandbox": sandbox})
    page = f"/admin/orders/order/{shipped['id']}/change/"
    _until_status(approver, f"{base}{page}", "awaiting approval")
    approver.get_by_role("link", name="Approve").first.click()
    approver.get_by_label("Reason").fill("Budget confirmed by the finance team, delivery to the head office.")
    approver.get_by_role("button", name="Approve").click()
    _until_status(approver, f"{base}{page}", "awaiting payment")
    _post(operator, base, f"/api/v1/orders/{shipped['id']}/pay", {"token": "tok_ok"})
    _until_status(approver, f"{base}{page}", "completed")
    return page


def _post(context: BrowserContext, base: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    token = next(c["value"] for c in context.cookies() if c["name"] == "csrftoken")
    answer = context.request.post(f"{base}{path}", data=body, headers={"X-CSRFToken": token, "Referer": base})
    if not answer.ok:
        raise SystemExit(f"{path}: {answer.status} {answer.text()}")
    found: dict[str, Any] = answer.json()
    return found


def _until_status(page: Page, url: str, status: str) -> None:
    for _ in range(60):
        page.goto(url)
        if page.locator(".page-head .badge").inner_text() == status:
            return
        page.wait_for_timeout(500)
    raise SystemExit(f"{url} did not become {status}")


def _take_all(base: str, page: Page, shipped: str) -> dict[str, int]:
    paths = {"dashboard": "/admin/", "inbox": "/admin/approvals/approvalrequest/", "order": shipped}
    sizes: dict[str, int] = {}
    headings: set[str] = set()
    for language, suffix in LANGUAGES.items():
        page.goto(f"{base}/admin/")
        page.locator(f"button[name=language][value={language}]").click()
        expect(page.locator("html")).to_have_attribute("lang", re.compile(language, re.IGNORECASE))
        heading = page.locator("#content h1").inner_text()
        if heading in headings:
            continue  # not translated yet
        headings.add(heading)
        for name, path in paths.items():
            page.goto(f"{base}{path}")
            file = IMAGES / f"{name}{suffix}.png"
            file.write_bytes(_squeezed(page.screenshot()))
            sizes[file.name] = file.stat().st_size
    return sizes


def _squeezed(png: bytes) -> bytes:
    """Return the same picture, packed as tightly as zlib can: the browser is in a hurry, we are not."""
    kept, pixels, at = [], b"", 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        kind, data = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        if kind == b"IDAT":
            pixels += data
        else:
            kept.append((kind, data))
        at += 12 + length
    packed = (b"IDAT", zlib.compress(zlib.decompress(pixels), 9))
    chunks = [*kept[:-1], packed, kept[-1]]
    return png[:8] + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


if __name__ == "__main__":
    raise SystemExit(main())
