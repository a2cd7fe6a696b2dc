"""The permission matrix as data: `docs/permissions.toml`, and the page that is made of it.

    .venv/bin/python -m tests.permissions.matrix

writes the page.
"""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parents[2] / "docs"
DATA, PAGE = DOCS / "permissions.toml", DOCS / "permissions.md"
# Who calls the API, and who opens pages. Whoever a row does not name is kept out.
CALLERS = (
    *("nobody", "member", "viewer", "operator", "auditor", "admin", "owner", "superuser"),
    *("session", "personal", "organization", "public"),
)
VISITORS = ("nobody", "customer", "staff", "viewer", "operator", "auditor", "superuser")

_INTRODUCTION = """\
# Who may do what

Nothing is open unless a row here says so: a test calls every address of the API as every kind of caller,
opens every page as every kind of visitor, and fails for an address, a page of the admin, an action there or
a Celery task without a row. The rows are in [`permissions.toml`](permissions.toml); this page is made of
them by `.venv/bin/python -m tests.permissions.matrix`. What belongs to another organisation is 404 for
everybody.
"""
_API = """\
## The API

Each caller has a key with all the scopes that the person may give it. `member` has the role of that name
and no group; `viewer`, `operator` and `auditor` are members in the group of that name; `admin` and `owner`
have that role and no group. `session` and `personal` are an operator with a session and with a personal
access token, `organization` is an organisation's token, `public` a public token that the key of an operator
signed. Without a credential the answer is 401, for those who are kept out 403. Where a row has no scope,
nobody is asked who they are.
"""
_PAGES = """\
## Pages

`customer` may not use the admin; `staff` may, and is in no group. Who is kept out gets 403, or the login page
where nobody, or nobody of the staff, is logged in.
"""
_ACTIONS = """\
## Actions on chosen rows in the admin
"""
_TASKS = """\
## Celery tasks

No address starts one directly.
"""


def matrix() -> dict[str, dict[str, Any]]:
    """Return the rows by part: api, pages, actions, tasks."""
    return tomllib.loads(DATA.read_text(encoding="utf-8"))


def callers_of(row: dict[str, Any]) -> set[str]:
    """Return whom a row lets in."""
    return set(str(row["who"]).split())


def page() -> str:
    """Return the text of the page."""
    rows = matrix()
    calls = [
        (f"`{name}`", _code(row["scope"]), *_marks(row, CALLERS, str(row["status"])))
        for name, row in rows["api"].items()
    ]
    tasks = [(f"`{name}`", str(row["by"])) for name, row in rows["tasks"].items()]
    return "\n".join(
        (
            _INTRODUCTION,
            _API,
            _table(("call", "scope", *CALLERS), calls),
            _PAGES,
            _table(("page", *VISITORS), _visits(rows["pages"])),
            _ACTIONS,
            _table(("action", *VISITORS), _visits(rows["actions"])),
            _TASKS,
            _table(("task", "started by"), tasks),
        )
    )


def _visits(rows: dict[str, Any]) -> list[tuple[str, ...]]:
    return [(f"`{name}`", *_marks(row, VISITORS, "yes")) for name, row in rows.items()]


def _code(text: str) -> str:
    return f"`{text}`" if text else "–"


def _marks(row: dict[str, Any], kinds: tuple[str, ...], mark: str) -> list[str]:
    let_in = callers_of(row)
    return [mark if kind in let_in else "–" for kind in kinds]


def _table(head: tuple[str, ...], lines: Sequence[tuple[str, ...]]) -> str:
    rule = tuple("---" for _name in head)
    return "".join(f"| {' | '.join(line)} |\n" for line in (head, rule, *lines))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
