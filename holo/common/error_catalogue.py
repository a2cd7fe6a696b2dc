"""All error codes of the product, for the page and the file that list them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from django.apps import AppConfig, apps
from django.conf import settings
from django.utils.translation import gettext as _

from holo.common.errors import error_table

_INTRO = """# Error codes

Every error of the API is an `application/problem+json` body (RFC 9457). Branch on `code`: it never changes.
*Retryable* means that the very same call may succeed later, after the seconds in `Retry-After`. *Shown by*
names the cases of `tests/bad_inputs/` that end in the code. This file is written by `manage.py errors_doc`.

*Stored* refusals are final for the request: a call that is repeated with its `Idempotency-Key` gets the same
response again. Any other refusal leaves the key free, because waiting or a corrected request may change it:
repeat the call with the same key, also with another body. Successful responses are always stored. What a key
belongs to and how long it is kept: [How it works](how-it-works.md#what-a-repeated-request-gets).

| code | HTTP | retryable | stored | meaning | shown by |
| --- | --- | --- | --- | --- | --- |
"""

# The ids of the cases that end in a code, by code.
Shown = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorEntry:
    """One row of the table."""

    code: str
    status: int
    retryable: bool
    stored: bool
    meaning: str


def list_errors() -> list[ErrorEntry]:
    """Return every code, sorted. Errors are known once their modules are loaded, so load all of them."""
    for module in _modules():
        import_module(module)
    return [
        ErrorEntry(
            code=code,
            status=error.status,
            retryable=error.retryable,
            stored=error.stored,
            meaning=_(error.meaning) if error.meaning else "",
        )
        for code, error in error_table().items()
        if not error.__module__.startswith("tests.")
    ]


def _modules() -> Iterator[str]:
    """Yield each `errors.py` of our apps, at any depth, and the module that keeps errors beside their use."""
    for config in apps.get_app_configs():
        if settings.BASE_DIR in Path(config.path).parents and "site-packages" not in config.path:
            yield from _errors_of(config)
    yield "holo.common.money"


def _errors_of(config: AppConfig) -> Iterator[str]:
    folder = Path(config.path)
    for file in sorted(folder.rglob("errors.py")):
        yield ".".join((config.name, *file.relative_to(folder).with_suffix("").parts))


def as_markdown(shown_by: Shown) -> str:
    """Return the text of `docs/errors.md`."""
    rows = [
        f"| `{entry.code}` | {entry.status} | {_yes_no(entry.retryable)} | {_yes_no(entry.stored)} "
        f"| {entry.meaning} "
        f"| {', '.join(shown_by.get(entry.code, ())) or '–'} |"
        for entry in list_errors()
    ]
    return _INTRO + "\n".join(rows) + "\n"


def _yes_no(value: bool) -> str:
    return "yes" if value else "no"
