"""The catalogue of integrations: a file that people edit, and its rows in the database."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.apps import apps as installed_apps
from django.apps.registry import Apps
from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS

from holo.apivote.models import Integration
from holo.identity.models import SHORT_NAME, SHORT_NAME_LENGTH

FILE = Path(__file__).with_name("catalogue.json")
_FIELDS = ("identifier", "name", "category", "home_page")
_LONGEST = {"identifier": SHORT_NAME_LENGTH, "name": 100, "home_page": 200}


def read_catalogue(file: Path = FILE) -> list[dict[str, str]]:
    """Return the entries of the file: `identifier`, `name`, `category` and `home_page`.

    Raises ImproperlyConfigured with everything that is wrong, each with the number of its entry from 1.
    """
    try:
        entries = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ImproperlyConfigured(f"{file.name}: {error}") from error
    problems = list(_problems(entries))
    if problems:
        raise ImproperlyConfigured(f"{file.name}: " + "; ".join(problems))
    return list(entries)


def _problems(entries: Any) -> Iterator[str]:
    if not isinstance(entries, list):
        yield "not a list of entries"
        return
    seen: set[str] = set()
    for number, entry in enumerate(entries, 1):
        if not isinstance(entry, dict) or set(entry) != set(_FIELDS):
            yield f"entry {number}: needs exactly {', '.join(_FIELDS)}"
        elif not all(isinstance(value, str) and value for value in entry.values()):
            yield f"entry {number}: each field is a text and not empty"
        else:
            yield from (
                f"entry {number} ({entry['identifier'][:50]}): {text}" for text in _wrong(entry, seen)
            )
            seen.add(entry["identifier"])


def _wrong(entry: dict[str, str], seen: set[str]) -> Iterator[str]:
    yield from (f"{name} is longer than {most}" for name, most in _LONGEST.items() if len(entry[name]) > most)
    if re.fullmatch(SHORT_NAME.strip("^$"), entry["identifier"]) is None:
        yield "the identifier has lower-case letters and digits, with single hyphens between"
    if entry["identifier"] in seen:
        yield "the identifier is there twice"
    if entry["category"] not in Integration.Category.values:
        yield f"the category is none of: {', '.join(Integration.Category.values)}"
    address = urlsplit(entry["home_page"])
    if address.scheme != "https" or not address.hostname:
        yield "the home page is not an https address"


def put_in_step(*, apps: Apps = installed_apps, using: str = DEFAULT_DB_ALIAS, **_signal: Any) -> None:
    """Add what is new in the file, change what differs, and take off the list what has left; delete nothing.

    Runs after each migration, as the owner of the tables. Two at once do no harm: each row is one upsert.
    """
    try:
        integrations = apps.get_model("apivote", "Integration").objects.using(using)
    except LookupError:
        return  # migrated only in part
    entries = {entry["identifier"]: entry for entry in read_catalogue()}
    stored = {row["identifier"]: row for row in integrations.values(*_FIELDS, "listed")}
    wanted = [
        integrations.model(**entry, listed=True)
        for identifier, entry in entries.items()
        if stored.get(identifier) != {**entry, "listed": True}
    ]
    integrations.bulk_create(
        wanted,
        update_conflicts=True,
        unique_fields=["identifier"],
        update_fields=["name", "category", "home_page", "listed"],
    )
    integrations.filter(listed=True).exclude(identifier__in=list(entries)).update(listed=False)
