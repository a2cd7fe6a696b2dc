"""The lock files: which version of which package is installed, and which files it may come from."""

from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.docs.documents import ROOT

RUN_TIME = ROOT / "requirements.lock"
DEVELOPMENT = ROOT / "requirements-dev.lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """One package of a lock: its pin and the SHA-256 of each file that pip may take for it."""

    requirement: Requirement
    hashes: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name as indexes compare it."""
        return canonicalize_name(self.requirement.name)

    @property
    def version(self) -> str:
        """The version; empty where none is pinned."""
        return str(self.requirement.specifier).removeprefix("==")

    @property
    def is_for_here(self) -> bool:
        """Whether pip installs it for this Python on this system."""
        return self.requirement.marker is None or self.requirement.marker.evaluate()


def parse_lock(text: str) -> list[Locked]:
    """Return what a lock pins."""
    lines = [
        line for line in text.replace("\\\n", "").splitlines() if line and not line.lstrip().startswith("#")
    ]
    found = []
    for line in lines:
        pin, *hashes = line.split("--hash=sha256:")
        found.append(Locked(requirement=Requirement(pin), hashes=tuple(each.strip() for each in hashes)))
    return found


def read_lock(path: Path = RUN_TIME) -> list[Locked]:
    """Return what a lock file pins."""
    return parse_lock(path.read_text(encoding="utf-8"))
