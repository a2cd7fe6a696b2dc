"""What the product is made of: packages whose licences bind nobody else, and no secret in its text."""

import re
import subprocess
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from holo.apiauth.keys import make_key, parse_key
from tests.docs.documents import ROOT

pytestmark = pytest.mark.pure

# What a package may say of itself. The LGPL of psycopg asks for nothing where it is used as it comes.
_ALLOWED = re.compile(
    r"MIT|BSD|Unlicense|Apache|PSF|ISC|MPL|Mozilla Public License|LGPL|Python Software Foundation"
)
_REFUSED = re.compile(
    r"\bA?GPL|Affero|(?<!Lesser )General Public License|SSPL|BUSL|Commons Clause|Proprietary"
)
_PRIVATE = re.compile(
    rb"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[0-9A-Za-z]{36}\b"
)
_KEY = re.compile(rb"holo_[a-z]{3,4}_[0-9A-Za-z]{36}")


def required() -> list[Requirement]:
    """Return the lines of requirements.txt."""
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def everything_required() -> set[str]:
    """Return the names of the packages of requirements.txt and of what they need in turn, as installed."""
    waiting = [(one, extra) for one in required() for extra in (*one.extras, "")]
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


def licence_of(name: str) -> str:
    """Return what a package says of its licence: the expression, or else what the classifiers say."""
    found = distribution(name).metadata
    classifiers = [text for text in found.get_all("Classifier", []) if text.startswith("License ::")]
    said = [text for key in ("License-Expression", "License") for text in found.get_all(key, [])]
    return said[0] if found.get_all("License-Expression") else " ".join(classifiers) or "".join(said)


def is_allowed(licence: str) -> bool:
    """Tell whether a licence is one of those that ask for nothing but to be named."""
    return _ALLOWED.search(licence) is not None and _REFUSED.search(licence) is None


def test_every_package_is_pinned_and_installed_as_pinned() -> None:
    for one in required():
        assert re.fullmatch(r"==[\w.]+", str(one.specifier)), one
        if one.marker is None or one.marker.evaluate():
            assert distribution(one.name).version in one.specifier, one


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
