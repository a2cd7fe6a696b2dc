"""Where a Temporal CLI came from: a note beside the one that was fetched or built, and its SHA-256."""

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from django.utils.translation import gettext as _

from holo.stack.errors import StackError

# The version that is fetched or built; the newest that `go install` takes without replace directives.
VERSION = "1.5.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What was put into the cache: which version, by which way, and the SHA-256 it had then."""

    version: str
    origin: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What can be told of a binary; `changed` where it is not the one that was put there."""

    text: str
    sha256: str
    changed: bool = False


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def put_in_place(made: Path, target: Path, *, origin: str) -> None:
    """Move a binary to its place and note where it came from; cut off between, it has no note."""
    note = Note(version=VERSION, origin=origin, sha256=sha256_of(made))
    _note_of(target).unlink(missing_ok=True)
    made.chmod(0o755)
    made.replace(target)
    partial = _note_of(target).with_suffix(f".new{os.getpid()}")
    partial.write_text(json.dumps(asdict(note), indent=2) + "\n", encoding="utf-8")
    partial.replace(_note_of(target))


def is_outdated(binary: Path) -> bool:
    """Tell whether a binary was put there as another version than the one that is wanted now."""
    note = _read_note(binary)
    return note is not None and note.version != VERSION


def origin_of(binary: Path) -> Origin:
    """Return what is known of a binary; its SHA-256 is computed anew."""
    note, sha256 = _read_note(binary), sha256_of(binary)
    if note is not None and note.sha256 != sha256:
        text = _("is not what was put there, whose SHA-256 was %(noted)s; delete it and run `get_temporal`")
        return Origin(text=text % {"noted": note.sha256}, sha256=sha256, changed=True)
    if note is not None:
        return Origin(text=f"{note.version}, {note.origin}", sha256=sha256)
    if os.environ.get("TEMPORAL_CLI"):
        return Origin(text=_("named by TEMPORAL_CLI"), sha256=sha256)
    return Origin(text=_("found there, without a note of where it came from"), sha256=sha256)


def refuse_changed(binary: Path) -> None:
    """Raise StackError where a binary is not the one that was put there."""
    origin = origin_of(binary)
    if origin.changed:
        raise StackError(f"{binary} {origin.text}; SHA-256 {origin.sha256}")


def _note_of(binary: Path) -> Path:
    return binary.with_name(binary.name + ".json")


def _read_note(binary: Path) -> Note | None:
    try:
        return Note(**json.loads(_note_of(binary).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
