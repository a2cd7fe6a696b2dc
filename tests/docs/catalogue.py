"""The texts of the product and their translations: extracts, reads and writes what is in `holo/locale/`.

    .venv/bin/python -m tests.docs.catalogue

brings them up to date: what is marked and new comes in without a translation, what nobody says any more goes,
and the compiled file is made anew. Babel does it, so GNU gettext need not be here.
"""

import ast
import re
import sys
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

from tests.docs.documents import ROOT

LOCALES = ("zh_Hans",)
_PACKAGES = ("holo", "inventory", "ledger", "orders", "workflows")
_DOMAIN = Path("LC_MESSAGES") / "django"
_LAZY = re.compile(r"_(?:lazy|noop)$")

# Of a text, what must stand in its translation too: places to fill, code, markup.
_KEPT = re.compile(r"%\(\w+\)[-+#0-9.]*[a-z]|%[-+#0-9.]*[a-z%]|\{\w*\}|`[^`]+`|</?\w+>")


def po_path(locale: str, folder: Path = ROOT / "holo" / "locale") -> Path:
    """Return the file that people write; the compiled one beside it ends in `.mo`."""
    return (folder / locale / _DOMAIN).with_suffix(".po")


def extract_texts(root: Path = ROOT) -> Catalog:
    """Return all texts that code and templates mark, without translations."""
    found = Catalog(project="Holo", copyright_holder="", msgid_bugs_address="")
    for path in _sources(root):
        for texts, context in _marked(path):
            found.add(texts, locations=[(str(path.relative_to(root)), 0)], context=context)
    return found


def _sources(root: Path) -> list[Path]:
    code = [path for package in _PACKAGES for path in (root / package).rglob("*.py")]
    return [
        *sorted(path for path in code if "migrations" not in path.parts),
        *sorted(path for path in (root / "templates").rglob("*") if path.suffix in {".html", ".txt"}),
    ]


def _marked(path: Path) -> Iterator[tuple[str | tuple[str, ...], str | None]]:
    """Yield the texts of a file, each with its context; with a plural, both forms."""
    source = path.read_text(encoding="utf-8")
    keywords = DEFAULT_KEYWORDS
    if path.suffix == ".py":
        tree = ast.parse(source)
        keywords = _keywords_of(tree)
        yield from ((meaning, None) for meaning in _meanings_in(tree))
    else:
        # Calls among filler: without indentation it reads as Python.
        source = re.sub(r"(?m)^[ \t]+", "", templatize(source, origin=str(path)))
    for _line, texts, _comments, context in extract("python", BytesIO(source.encode()), keywords):
        yield texts, context


def _keywords_of(tree: ast.Module) -> dict[str, Any]:
    """Return under which names a module calls gettext; any `import … as …` counts."""
    return {
        name.asname or name.name: DEFAULT_KEYWORDS[_LAZY.sub("", name.name)]
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "django.utils.translation"
        for name in node.names
        if _LAZY.sub("", name.name) in DEFAULT_KEYWORDS
    }


def _meanings_in(tree: ast.Module) -> Iterator[str]:
    """Yield what errors mean: `meaning` of a class is looked up when it is told, so it needs no mark."""
    for owner in ast.walk(tree):
        for node in owner.body if isinstance(owner, ast.ClassDef) else ():
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "meaning":
                yield str(ast.literal_eval(node.value))


def read_catalogue(path: Path) -> Catalog:
    """Return what is translated, and with which words."""
    with path.open("rb") as file:
        return read_po(file, locale=path.parents[1].name)


def key_of(message: Message) -> tuple[str | None, str]:
    """Return what gettext looks a text up by."""
    return message.context, _forms(message.id)[0]


def translations_of(message: Message) -> list[tuple[str, str]]:
    """Return text and translation; of a text with a plural, that with each form of the translation."""
    return [(_forms(message.id)[-1], text) for text in _forms(message.string)]


def _forms(text: str | Sequence[str] | None) -> Sequence[str]:
    return [text or ""] if text is None or isinstance(text, str) else text


def kept_parts(text: str) -> list[str]:
    """Return the parts of a text that a translation must have as well, in no order."""
    blanks = [text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]]
    return [*sorted(_KEPT.findall(text)), *blanks]


def compiled(catalogue: Catalog) -> bytes:
    """Return the catalogue as the product reads it."""
    buffer = BytesIO()
    write_mo(buffer, catalogue)
    return buffer.getvalue()


def update(path: Path, texts: Catalog) -> int:
    """Bring a catalogue and its compiled file up to date; return how many texts want a translation."""
    catalogue = read_catalogue(path)
    catalogue.update(texts, no_fuzzy_matching=True, update_creation_date=False)
    buffer = BytesIO()
    write_po(buffer, catalogue, width=110, include_lineno=False, sort_by_file=True, ignore_obsolete=True)
    path.write_bytes(buffer.getvalue())
    path.with_suffix(".mo").write_bytes(compiled(catalogue))
    return sum(not all(text for _, text in translations_of(message)) for message in catalogue)


def main() -> int:
    """Bring all catalogues up to date; tell what is left to do."""
    texts = extract_texts()
    for locale in LOCALES:
        path = po_path(locale)
        print(f"{path.relative_to(ROOT)}: {update(path, texts)} of {len(texts)} texts want a translation")
        scripts = path.with_name("djangojs.po")
        scripts.with_suffix(".mo").write_bytes(compiled(read_catalogue(scripts)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
