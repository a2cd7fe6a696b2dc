"""What is known against packages of the run-time lock, less what `docs/waivers.toml` lets pass for a time.

    .venv/bin/python -m tests.security.audit

It asks a vulnerability service (by pip-audit) and the package index (by pip), so it needs the network. Exits
with 0 where nothing is left, 3 where something is, and 1 where it could not be found out: silence is no clean
bill.
"""

import argparse
import json
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.docs.documents import ROOT
from tests.security.locks import RUN_TIME, read_lock

WAIVERS = ROOT / "docs" / "waivers.toml"
OSV = "https://api.osv.dev/v1/query"
CLEAN, NOT_AUDITED, FOUND = 0, 1, 3
# The series in use, and when its security fixes end: https://www.djangoproject.com/download/#supported-versions
DJANGO_SERIES, DJANGO_SUPPORTED_UNTIL = "5.2", date(2028, 4, 30)
_SHORTEST_REASON = 20


class NotAuditedError(Exception):
    """A service did not answer, or not about every package."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """One vulnerability of one package that is let pass up to a day, that day included."""

    id: str
    package: str
    why: str
    until: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One vulnerability of one locked package, with all its numbers."""

    package: str
    version: str
    ids: frozenset[str]
    fixed_in: tuple[str, ...]

    def __str__(self) -> str:
        fixed = " or ".join(self.fixed_in) or "no version yet"
        return f"{self.package} {self.version}: {', '.join(sorted(self.ids))}; fixed in {fixed}"


def parse_waivers(text: str) -> list[Waiver]:
    """Return the waivers of the file. Raises ValueError for anything that is not one."""
    content = tomllib.loads(text)
    if set(content) - {"waiver"}:
        raise ValueError("there is something besides [[waiver]]")
    return [_waiver(entry) for entry in content.get("waiver", [])]


def _waiver(entry: dict[str, Any]) -> Waiver:
    texts = [entry.get(name) for name in ("id", "package", "why")]
    if set(entry) != {"id", "package", "why", "until"} or not all(isinstance(text, str) for text in texts):
        raise ValueError(f"{entry} has not the texts id, package and why and the date until, and these alone")
    if type(entry["until"]) is not date:
        raise ValueError(f"{entry['id']}: until is no date such as 2026-12-31")
    return Waiver(**{**entry, "package": canonicalize_name(entry["package"])})


def faults_of(waivers: Iterable[Waiver], *, locked: set[str], today: date) -> Iterator[str]:
    """Yield what is wrong with waivers: out of date, of no package here, without a reason."""
    for one in waivers:
        if one.until < today:
            yield f"the waiver of {one.id} ended on {one.until}"
        if one.package not in locked:
            yield f"the waiver of {one.id} is for {one.package}, which is not locked"
        if len(one.why) < _SHORTEST_REASON:
            yield f"the waiver of {one.id} gives no reason of {_SHORTEST_REASON} characters or more"


def findings_in(report: dict[str, Any], *, expected: set[str]) -> list[Finding]:
    """Return what a JSON report of pip-audit says; it must have looked at all `expected` packages.

    Raises NotAuditedError: of what a service does not know, pip-audit says "skipped" and exits with 0.
    """
    audited = {canonicalize_name(one["name"]): one for one in report["dependencies"] if "vulns" in one}
    if missing := sorted(expected - set(audited)):
        raise NotAuditedError(f"the service says nothing of {len(missing)} packages: {', '.join(missing)}")
    return [
        Finding(
            package=name,
            version=one["version"],
            ids=frozenset({known["id"], *known["aliases"]}),
            fixed_in=tuple(known["fix_versions"]),
        )
        for name, one in audited.items()
        for known in one["vulns"]
    ]


def is_waived(found: Finding, waivers: Iterable[Waiver]) -> bool:
    """Tell whether a waiver names the package and one of the numbers."""
    return any(one.package == found.package and one.id in found.ids for one in waivers)


def faults_of_django(pinned: str, published: Iterable[str], *, today: date) -> Iterator[str]:
    """Yield why Django is not the newest patch of a series that still gets security fixes."""
    if not pinned.startswith(f"{DJANGO_SERIES}."):
        yield f"Django {pinned} is not of {DJANGO_SERIES}, whose last day this module knows"
        return
    if today > DJANGO_SUPPORTED_UNTIL:
        yield f"Django {DJANGO_SERIES} gets no fixes since {DJANGO_SUPPORTED_UNTIL}"
    newest = max(map(Version, (one for one in published if one.startswith(f"{DJANGO_SERIES}."))))
    if Version(pinned) < newest:
        yield f"Django {pinned} is not the newest patch, {newest}"


def ask_for_vulnerabilities(lock: Path, service: str) -> dict[str, Any]:
    """Return pip-audit's report of a lock. Raises NotAuditedError."""
    options = ["--disable-pip", "--require-hashes", "--format=json", "--progress-spinner=off", "--desc=off"]
    where = ["--vulnerability-service=osv", f"--osv-url={service}"]
    answer = _run("pip_audit", f"--requirement={lock}", *options, *where)
    try:
        report: dict[str, Any] = json.loads(answer.stdout)
    except ValueError:
        why = (answer.stderr.strip().splitlines() or ["pip-audit said nothing"])[-1]
        raise NotAuditedError(f"no answer of {service}: {why}") from None
    return report


def ask_for_versions(package: str) -> list[str]:
    """Return the versions that the index has. Raises NotAuditedError."""
    answer = _run("pip", "index", "versions", package, "--json")
    try:
        versions: list[str] = json.loads(answer.stdout)["versions"]
    except ValueError:
        raise NotAuditedError(f"the package index says nothing of {package}") from None
    return versions


def _run(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", module, *arguments], capture_output=True, text=True, check=False
    )


def audit(*, lock: Path, waivers: list[Waiver], service: str, today: date) -> Iterator[str]:
    """Yield everything that is wrong. Raises NotAuditedError, after what could be found out."""
    locked = {one.name: one for one in read_lock(lock)}
    yield from faults_of(waivers, locked=set(locked), today=today)
    here = {name for name, one in locked.items() if one.is_for_here}
    found = findings_in(ask_for_vulnerabilities(lock, service), expected=here)
    yield from (str(one) for one in found if not is_waived(one, waivers))
    if "django" in here:
        yield from faults_of_django(locked["django"].version, ask_for_versions("django"), today=today)


def main(arguments: list[str] | None = None) -> int:
    """Tell what is known; return the exit code."""
    parser = argparse.ArgumentParser(description="Audits the run-time lock.")
    parser.add_argument("--lock", type=Path, default=RUN_TIME)
    parser.add_argument("--waivers", type=Path, default=WAIVERS)
    parser.add_argument("--osv-url", default=OSV, help="where to ask; such as a mirror of one's own")
    options = parser.parse_args(arguments)
    try:
        waivers = parse_waivers(options.waivers.read_text(encoding="utf-8"))
    except ValueError as error:
        print(f"{options.waivers}: {error}")
        return FOUND
    faults = []
    try:
        for fault in audit(lock=options.lock, waivers=waivers, service=options.osv_url, today=date.today()):
            print(fault)
            faults.append(fault)
    except NotAuditedError as error:
        print(f"NOT AUDITED: {error}", file=sys.stderr)
        return FOUND if faults else NOT_AUDITED
    if not faults:
        print("Nothing is known against what is locked, besides what is waived.")
    return FOUND if faults else CLEAN


if __name__ == "__main__":
    sys.exit(main())
