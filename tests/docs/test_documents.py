"""What the documents point at exists: links, files, commands."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

from tests.docs.documents import ROOT, anchors, code_words, documents, links, prose, shell_lines

pytestmark = pytest.mark.pure

# What these name is there only after something ran.
_MADE_LATER = re.compile(r"\.env$|\.run/|\.venv/")
_FILE = re.compile(r"[\w.-]*[\w-]+(?:/[\w.-]+)*(?:\.(?:py|md|svg|png|yml|yaml|toml|txt|sh|json)|/)")
_LONGEST_README = 250


def named() -> list[pytest.param]:  # type: ignore[valid-type]
    """Return the documents as parameters with readable names."""
    return [pytest.param(path, id=str(path.relative_to(ROOT))) for path in documents()]


@pytest.mark.parametrize("document", named())
def test_links_lead_somewhere(document: Path) -> None:
    for target in links(document):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        found = (document.parent / path).resolve() if path else document
        assert found.exists(), f"{target} does not exist"
        if anchor:
            assert anchor in anchors(found), f"{target}: no such heading"


@pytest.mark.parametrize("document", named())
def test_named_files_exist(document: Path) -> None:
    for word in code_words(document):
        if not _FILE.fullmatch(word) or _MADE_LATER.match(word):
            continue
        places = (ROOT / word, document.parent / word)
        assert any(place.exists() for place in places), f"{word} does not exist"


def commands_of(document: Path) -> list[str]:
    """Return everything in a document that may be a command: lines of `sh` blocks and words in backticks."""
    return [*shell_lines(document), *code_words(document)]


@pytest.mark.parametrize("document", named())
def test_named_make_targets_exist(document: Path) -> None:
    known = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for text in commands_of(document):
        for target in re.findall(r"(?:^|[\s(])make ([a-z]+)\b", text):
            assert target in known, f"make {target} does not exist"


@pytest.mark.parametrize("document", named())
def test_named_management_commands_exist_with_their_options(document: Path) -> None:
    apps = get_commands()
    for text in commands_of(document):
        for name, rest in re.findall(r"manage\.py ([a-z_]+)([^|;)&#]*)", text):
            assert name in apps, f"manage.py {name} does not exist"
            app = apps[name]
            command = load_command_class(app, name) if isinstance(app, str) else app
            known = _options(command.create_parser("manage.py", name))
            for option in re.findall(r"(?<=\s)--[a-z-]+", rest):
                assert option in known, f"manage.py {name} has no {option}"


def _options(parser: object) -> set[str]:
    """Return the options of a parser and of its sub-commands."""
    found: set[str] = set()
    for action in parser._actions:  # type: ignore[attr-defined]
        found.update(action.option_strings)
        choices = getattr(action, "choices", None)
        if isinstance(choices, dict):
            found = found.union(*(_options(choice) for choice in choices.values()))
    return found


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= _LONGEST_README


def test_every_document_is_reached_from_the_readme() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        document = waiting.pop()
        if document in reached:
            continue
        reached.add(document)
        targets = [(document.parent / target.partition("#")[0]).resolve() for target in links(document)]
        waiting += [target for target in targets if target.suffix == ".md" and target.exists()]
    assert sorted(set(documents()) - reached) == []


def test_every_drawing_is_shown() -> None:
    shown = {target.rpartition("/")[2] for document in documents() for target in links(document)}
    assert {path.name for path in (ROOT / "docs" / "images").glob("*.svg")} - shown == set()


def test_documents_have_no_trailing_blanks() -> None:
    for document in documents():
        assert not re.search(r"[ \t]+$", prose(document), re.MULTILINE), document.name


def test_table_of_locks_names_every_command() -> None:
    """`@command` marks each service; what it locks belongs into the table."""
    sources = [
        path for top in ("holo", "inventory", "ledger", "orders") for path in (ROOT / top).rglob("*.py")
    ]
    found = [
        name
        for path in sources
        for name in re.findall(r"^@command\ndef (\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert found
    assert sorted(set(found) - set(code_words(ROOT / "docs" / "concurrency.md"))) == []


def test_state_diagram_is_current() -> None:
    """The picture is drawn from the table of statuses."""
    run = subprocess.run(
        [sys.executable, ROOT / "docs" / "diagrams.py", "--check"], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
