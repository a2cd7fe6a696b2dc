"""The audit of what is locked: what it finds, what it lets pass and for how long, and when it does not know.

pip-audit is the real one; the service that it asks is a stand-in on this machine, which speaks as OSV does.
"""

import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.security.audit import (
    CLEAN,
    DJANGO_SERIES,
    FOUND,
    NOT_AUDITED,
    WAIVERS,
    Finding,
    NotAuditedError,
    faults_of,
    faults_of_django,
    findings_in,
    is_waived,
    main,
    parse_waivers,
)
from tests.security.locks import read_lock

pytestmark = pytest.mark.pure

TODAY = date(2026, 11, 28)
LOCK = "".join(f"{name} --hash=sha256:{'0' * 64}\n" for name in ("rich==15.0.0", "segno==1.6.6"))
KNOWN = {
    "id": "PYSEC-2026-1",
    "aliases": ["CVE-2026-12345"],
    "summary": "colours leak",
    "affected": [
        {
            "package": {"name": "rich", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "15.0.1"}]}],
        }
    ],
}
WAIVER = """[[waiver]]
id = "CVE-2026-12345"
package = "Rich"
why = "the colours are no secret here"
until = {until}
"""


@contextmanager
def service(known: dict[str, list[dict[str, Any]]]) -> Iterator[str]:
    """Run a stand-in for OSV that knows these vulnerabilities by package; yield its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            found = known.get(asked["package"]["name"])
            body = json.dumps({"vulns": found} if found else {}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/query"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def run_audit(folder: Path, url: str, waivers: str = "") -> tuple[int, str]:
    """Audit a lock of two packages; return the exit code and what was said."""
    (folder / "some.lock").write_text(LOCK)
    (folder / "waivers.toml").write_text(waivers)
    files = [f"--lock={folder / 'some.lock'}", f"--waivers={folder / 'waivers.toml'}"]
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        code = main([*files, f"--osv-url={url}"])
    return code, said.getvalue()


@pytest.fixture(autouse=True)
def _without_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def test_known_vulnerability_fails_the_audit_with_its_numbers_and_the_version_that_mends_it(
    tmp_path: Path,
) -> None:
    with service({"rich": [KNOWN]}) as url:
        code, said = run_audit(tmp_path, url)
    assert (code, said) == (FOUND, "rich 15.0.0: CVE-2026-12345, PYSEC-2026-1; fixed in 15.0.1\n")


def test_control_nothing_known_passes(tmp_path: Path) -> None:
    with service({}) as url:
        code, said = run_audit(tmp_path, url)
    assert (code, said.splitlines()) == (
        CLEAN,
        ["Nothing is known against what is locked, besides what is waived."],
    )


def test_waived_vulnerability_passes_until_the_waiver_ends(tmp_path: Path) -> None:
    today = date.today()
    with service({"rich": [KNOWN]}) as url:
        assert run_audit(tmp_path, url, WAIVER.format(until=today + timedelta(days=1)))[0] == CLEAN
        code, said = run_audit(tmp_path, url, WAIVER.format(until=today - timedelta(days=2)))
    assert code == FOUND
    assert "the waiver of CVE-2026-12345 ended on" in said


def test_waiver_lets_pass_its_own_package_alone() -> None:
    found = Finding(
        package="rich", version="15.0.0", ids=frozenset({"PYSEC-2026-1", "CVE-2026-12345"}), fixed_in=()
    )
    waiver = WAIVER.format(until="2999-12-31")
    assert is_waived(found, parse_waivers(waiver))
    assert not is_waived(found, parse_waivers(waiver.replace("Rich", "segno")))
    assert not is_waived(found, parse_waivers(waiver.replace("12345", "12346")))


def test_service_that_does_not_answer_is_not_a_clean_audit(tmp_path: Path) -> None:
    with service({}) as url:
        pass
    code, said = run_audit(tmp_path, url)
    assert code == NOT_AUDITED
    assert said.startswith(f"NOT AUDITED: no answer of {url}: ")
    assert len(said.splitlines()) == 1


def test_package_that_the_service_skips_is_not_audited() -> None:
    """As pip-audit 2.10 reports against an index without its JSON pages, with exit code 0."""
    skipped = {
        "name": "amqp",
        "skip_reason": "Dependency not found on PyPI and could not be audited: amqp (5.4.2)",
    }
    known = {"name": "Rich", "version": "15.0.0", "vulns": []}
    assert findings_in({"dependencies": [known]}, expected={"rich"}) == []
    with pytest.raises(NotAuditedError, match="1 packages: amqp"):
        findings_in({"dependencies": [skipped, known]}, expected={"rich", "amqp"})


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("2026-11-28", "2026-11-27", "ended on 2026-11-27"),
        ("Rich", "poor", "for poor, which is not locked"),
        ("the colours are no secret here", "fine", "gives no reason"),
    ],
)
def test_waiver_that_is_over_or_of_nothing_is_a_fault(old: str, new: str, fault: str) -> None:
    good = WAIVER.format(until="2026-11-28")
    assert list(faults_of(parse_waivers(good), locked={"rich"}, today=TODAY)) == []
    (said,) = faults_of(parse_waivers(good.replace(old, new)), locked={"rich"}, today=TODAY)
    assert fault in said


@pytest.mark.parametrize(
    "text",
    [
        "[[waivers]]\n",
        "[[waiver]]\nid = 'CVE-2026-1'\n",
        WAIVER.format(until="'2026-12-31'"),
        WAIVER.format(until="2026-12-31") + "also = 1\n",
        "[[waiver]\n",
    ],
)
def test_text_that_is_no_waiver_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_waivers(text)


def test_waivers_of_the_product_are_for_what_is_locked() -> None:
    """Whether they are over is for the audit to say: a test must not fail by the passing of time."""
    waivers = parse_waivers(WAIVERS.read_text(encoding="utf-8"))
    assert list(faults_of(waivers, locked={one.name for one in read_lock()}, today=date.min)) == []


def test_django_is_the_newest_patch_of_a_series_with_fixes() -> None:
    (pinned,) = [one.version for one in read_lock() if one.name == "django"]
    older = [pinned, f"{DJANGO_SERIES}.1", "6.1.3"]
    assert list(faults_of_django(pinned, older, today=TODAY)) == []
    (fault,) = faults_of_django(pinned, [*older, f"{DJANGO_SERIES}.999"], today=TODAY)
    assert f"not the newest patch, {DJANGO_SERIES}.999" in fault
    (fault,) = faults_of_django(pinned, older, today=date(2030, 1, 1))
    assert "gets no fixes since" in fault
    (fault,) = faults_of_django("4.2.1", [f"{DJANGO_SERIES}", f"{DJANGO_SERIES}.0"], today=TODAY)
    assert "is not of" in fault
