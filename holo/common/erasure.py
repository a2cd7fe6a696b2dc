"""How a person's addresses leave the rows of every app when the person is erased.

An app that keeps such a row declares in its module `erasure` a function that takes them out, by `erases`.
Rows that only grow need none: they name people by id (`Actor.reference`).
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from html import unescape
from urllib.parse import unquote_plus
from uuid import UUID

from django.db import connection
from django.utils.module_loading import autodiscover_modules

from holo.common.db import require_transaction

_JSON_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """A person who is being erased, the addresses they have had, and what takes the place of each."""

    user_id: UUID
    addresses: frozenset[str]
    replacement: str
    # Those of the addresses that the person has proved to be theirs, in the form that is compared.
    shown: frozenset[str] = frozenset()
    # Others have these addresses too: only rows of the person's organisation, or about the person, lose them.
    shared: bool = False

    @property
    def pattern(self) -> str:
        """The addresses as a regular expression of PostgreSQL, as text and as it stands in JSON.

        What goes on before or after is somebody else's address.
        """
        forms = {json.dumps(address)[1:-1] for address in self.addresses}
        forms |= {json.dumps(address, ensure_ascii=False)[1:-1] for address in self.addresses}
        any_of = "|".join(map(_escaped, sorted(forms | self.addresses)))
        return f"(?<![[:alnum:]._%+-])({any_of})(?![[:alnum:]_-]|\\.[[:alnum:]])"

    def holds_address(self, text: str) -> bool:
        """Tell whether a text has one of the addresses in it: plain, or as forms, pages and JSON write it."""
        readings = (text, unquote_plus(text), unescape(text), _JSON_ESCAPE.sub(_meant, text))
        folded = [reading.casefold() for reading in readings]
        return any(address.casefold() in reading for address in self.addresses for reading in folded)


Eraser = Callable[[Erased], None]
_ERASERS: dict[str, Eraser] = {}


def erases(eraser: Eraser) -> Eraser:
    """Have `eraser` called, in the transaction of the erasure, for each person who is erased."""
    _ERASERS[f"{eraser.__module__}.{eraser.__qualname__}"] = eraser
    return eraser


def erase_everywhere(erased: Erased) -> None:
    """Take the person's addresses out of the rows of all installed apps; needs a transaction.

    With `shared` the caller sets the fence: an eraser of a table without organisations limits itself.
    """
    require_transaction()
    autodiscover_modules("erasure")
    for name in sorted(_ERASERS):
        _ERASERS[name](erased)


def replace_addresses(erased: Erased, table: str, column: str, *, among: str = "TRUE") -> None:
    """Put the replacement where a text column holds one of the addresses, in whatever case."""
    if not erased.addresses:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} SET {column} ="  # noqa: S608 # of the code's own words
            f" regexp_replace({column}, %(pattern)s, %(replacement)s, 'gi')"
            f" WHERE ({among}) AND {column} ~* %(pattern)s",
            {"pattern": erased.pattern, "replacement": erased.replacement},
        )


def _escaped(text: str) -> str:
    return re.sub(r"([^\w@])", r"\\\1", text)


def _meant(escape: re.Match[str]) -> str:
    return chr(int(escape[1], 16))
