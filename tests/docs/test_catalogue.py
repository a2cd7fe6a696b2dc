"""Every text that is marked has its Simplified Chinese; `make messages` brings new ones in."""

import gettext
from pathlib import Path

import django
import pytest
from babel.messages.catalog import Catalog

from tests.docs.catalogue import (
    LOCALES,
    compiled,
    extract_texts,
    kept_parts,
    key_of,
    po_path,
    read_catalogue,
    translations_of,
    update,
)

pytestmark = [pytest.mark.pure, pytest.mark.parametrize("locale", LOCALES)]


@pytest.fixture(scope="module")
def texts() -> Catalog:
    """What code and templates mark."""
    return extract_texts()


def keys(catalogue: Catalog) -> set[tuple[str | None, str]]:
    """Return what can be looked up in a catalogue."""
    return {key_of(message) for message in catalogue if message.id}


def looked_up(path: Path) -> dict[str, str]:
    """Return a compiled catalogue as Python's gettext, which Django uses, has it in memory."""
    with path.open("rb") as file:
        return dict(vars(gettext.GNUTranslations(file))["_catalog"])


def test_every_marked_text_is_in_the_catalogue_and_no_other(locale: str, texts: Catalog) -> None:
    assert len(texts) > 1000
    known = keys(read_catalogue(po_path(locale)))
    assert sorted(text for _context, text in keys(texts) - known) == [], "run `make messages` and translate"
    assert sorted(text for _context, text in known - keys(texts)) == [], "run `make messages`"


def test_every_text_is_translated_and_none_is_a_guess(locale: str) -> None:
    catalogue = read_catalogue(po_path(locale))
    assert [text for one in catalogue for text, translation in translations_of(one) if not translation] == []
    assert [one.id for one in catalogue if one.fuzzy] == []


def test_translations_keep_places_to_fill_code_and_markup(locale: str) -> None:
    pairs = [pair for one in read_catalogue(po_path(locale)) if one.id for pair in translations_of(one)]
    assert [text for text, translation in pairs if kept_parts(text) != kept_parts(translation)] == []


def test_compiled_catalogue_is_the_written_one(locale: str, tmp_path: Path) -> None:
    (tmp_path / "fresh.mo").write_bytes(compiled(read_catalogue(po_path(locale))))
    fresh = looked_up(tmp_path / "fresh.mo")
    assert len(fresh) > 1000
    assert looked_up(po_path(locale).with_suffix(".mo")) == fresh, "run `make messages`"


@pytest.mark.parametrize("domain", ["django", "djangojs"])
def test_texts_of_django_that_have_no_chinese_there_have_it_here(locale: str, domain: str) -> None:
    folder = Path(django.__file__).parent
    own = keys(read_catalogue(po_path(locale).with_name(f"{domain}.po")))
    looked_at = 0
    for english in folder.glob(f"**/locale/en/LC_MESSAGES/{domain}.po"):
        if english.parents[3].name not in ("conf", "admin", "auth", "contenttypes", "sessions"):
            continue
        there = read_catalogue(english.parents[2] / locale / "LC_MESSAGES" / f"{domain}.po")
        done = {key_of(one) for one in there if one.id and all(text for _, text in translations_of(one))}
        looked_at += len(done)
        assert keys(read_catalogue(english)) - done <= own, english
    assert looked_at > 20


def test_compiled_texts_of_scripts_are_the_written_ones(locale: str, tmp_path: Path) -> None:
    written = po_path(locale).with_name("djangojs.po")
    (tmp_path / "fresh.mo").write_bytes(compiled(read_catalogue(written)))
    assert looked_up(written.with_suffix(".mo")) == looked_up(tmp_path / "fresh.mo"), "run `make messages`"


def test_update_takes_new_texts_in_and_drops_what_nobody_says(locale: str, tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "page.html").write_text(
        '{% load i18n %}\n  <p title="it\'s">{% translate "Home" %}\n'
        "{% blocktranslate count n=n %}{{ n }} bird{% plural %}{{ n }} birds{% endblocktranslate %}</p>"
    )
    (tmp_path / "holo").mkdir()
    (tmp_path / "holo" / "words.py").write_text(
        "from django.utils.translation import pgettext_lazy as said\n"
        'FIRST = said("a bird", "It sings"\n    " at night")\n_("nothing of Django\'s")\n'
        'class SilentError(Exception):\n    meaning = "It does not sing."\n'
    )
    path = po_path(locale, tmp_path / "locale")
    path.parent.mkdir(parents=True)
    path.write_bytes(po_path(locale).read_bytes())
    assert update(path, extract_texts(tmp_path)) == 3
    known = read_catalogue(path)
    assert keys(known) == {
        (None, "Home"),
        (None, "%(n)s bird"),
        (None, "It does not sing."),
        ("a bird", "It sings at night"),
    }
    assert [translation for one in known if one.id for _, translation in translations_of(one)].count("") == 3
    assert looked_up(path.with_suffix(".mo"))["Home"] == looked_up(po_path(locale).with_suffix(".mo"))["Home"]
