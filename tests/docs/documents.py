"""The documents of the repository, read as text: which there are, their links, code blocks and tables."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
README = ROOT / "README.md"

_FENCE = re.compile(r"^```(\w*)(?: title=(\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)|<img[^>]+src=\"([^\"]+)\"")
_CODE = re.compile(r"`([^`\n]+)`")


def documents() -> list[Path]:
    """Return every document for people."""
    return [README, ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def prose(document: Path) -> str:
    """Return a document without its code blocks."""
    return _FENCE.sub("", document.read_text(encoding="utf-8"))


def links(document: Path) -> list[str]:
    """Return the targets of all links and pictures."""
    return [first or second for first, second in _LINK.findall(prose(document))]


def code_words(document: Path) -> list[str]:
    """Return what stands in backticks in the prose."""
    return _CODE.findall(prose(document))


@dataclass(frozen=True, slots=True)
class Block:
    """A block of code; `title` is the file that it is, if it is one."""

    language: str
    title: str
    text: str


def blocks(document: Path) -> list[Block]:
    """Return all blocks of code of a document."""
    return [Block(*found) for found in _FENCE.findall(document.read_text(encoding="utf-8"))]


def shell_lines(document: Path) -> Iterator[str]:
    """Yield the lines of the `sh` blocks, with continued lines joined."""
    for block in blocks(document):
        if block.language == "sh":
            yield from block.text.replace("\\\n", " ").splitlines()


def anchors(document: Path) -> set[str]:
    """Return the anchors that GitHub makes of the headings."""
    headings = re.findall(r"^#+ (.+)$", prose(document), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def table_rows(document: Path, *, first_cell: str) -> list[list[str]]:
    """Return the rows of the table whose heading begins with `first_cell`, without heading and rule."""
    rows: list[list[str]] = []
    inside = False
    for line in document.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")] if line.startswith("|") else []
        if not cells:
            inside = False
        elif cells[0] == first_cell:
            inside = True
        elif inside and not set(cells[0]) <= set("-: "):
            rows.append(cells)
    return rows
