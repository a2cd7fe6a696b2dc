"""All error codes of the product, for the page and the file that list them."""

from dataclasses import dataclass
from importlib import import_module

from django.conf import settings
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext as _

from holo.common.errors import error_table

_INTRO = """# Error codes

Every error of the API is an `application/problem+json` body (RFC 9457). Branch on `code`: it never changes.
*Retryable* means that the very same call may succeed later, after the seconds in `Retry-After`. This file is
written by `manage.py errors_doc`.

| code | HTTP | retryable | meaning |
| --- | --- | --- | --- |
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorEntry:
    """One row of the table."""

    code: str
    status: int
    retryable: bool
    meaning: str


def list_errors() -> list[ErrorEntry]:
    """Return every code, sorted. Errors are known once their modules are loaded, so load all of them."""
    autodiscover_modules("errors")
    import_module(settings.ROOT_URLCONF)
    return [
        ErrorEntry(
            code=code,
            status=error.status,
            retryable=error.retryable,
            meaning=_(error.meaning) if error.meaning else "",
        )
        for code, error in error_table().items()
        if not error.__module__.startswith("tests.")
    ]


def as_markdown() -> str:
    """Return the text of `docs/errors.md`."""
    rows = [
        f"| `{entry.code}` | {entry.status} | {'yes' if entry.retryable else 'no'} | {entry.meaning} |"
        for entry in list_errors()
    ]
    return _INTRO + "\n".join(rows) + "\n"
