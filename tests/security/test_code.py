"""What the code of the product must not do: what lint forbids, and what lint does not see."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from holo.celery import app as celery
from tests.docs.documents import ROOT

pytestmark = pytest.mark.pure

_PRODUCT = ("holo", "inventory", "ledger", "orders", "workflows")
# Each would be found by the rule of this name, were it anywhere in the repository.
_FORBIDDEN = {
    "S102": "exec('1')",
    "S301": "import pickle\npickle.loads(b'')",
    "S302": "import marshal\nmarshal.loads(b'')",
    "S307": "eval('1')",
    "S308": "from django.utils.safestring import mark_safe\nmark_safe(str(1))",
    "S501": "import requests\nrequests.get('https://a', verify=False)",
    "S506": "import yaml\nyaml.load('')",
    "S602": "import subprocess\nsubprocess.run('ls ' + input(), shell=True)",
    "S605": "import os\nos.system('ls ' + input())",
    "S608": "name = input()\nquery = f'SELECT * FROM a WHERE b = {name}'",
    "S610": "from django.contrib.auth.models import User\nUser.objects.extra(where=[input()])",
    "S611": "from django.db.models.expressions import RawSQL\nRawSQL(input(), [])",
}
_SECRET = re.compile(
    r"(?:^|_)(?:token|secret|signature|digest|hash|otp|password|hmac|mac|key_text)$", re.IGNORECASE
)
# `payload_digest` and the like are shown to everybody who sees the row: they tell versions apart.
_PUBLIC = {"digest", "request_hash", "payload_digest", "shown_digest"}
_SENT = re.compile(
    r"\.(?:data|GET|POST|query_params|body|headers|META)\b|validated_data|cleaned_data|payload"
)
# Where SQL is put together after all, and what keeps the parts clean.
_REVIEWED = {
    "holo/common/erasure.py": "names of tables and columns, constants of each app's module `erasure`",
    "holo/stack/fences.py": "names of tables and columns, quoted by the database",
    "holo/stack/grants.py": "names of roles and tables, quoted by the database",
    "holo/stack/postgres.py": "names and passwords, quoted by psycopg.sql",
}
_ASKS = {"filter", "exclude", "get", "create", "update", "get_or_create", "update_or_create", "annotate"}


def modules() -> list[Path]:
    """Return the modules of the product."""
    found = [path for app in _PRODUCT for path in sorted((ROOT / app).rglob("*.py"))]
    return [path for path in found if "migrations" not in path.parts]


@pytest.mark.parametrize("rule", _FORBIDDEN)
def test_lint_finds_what_is_forbidden(rule: str) -> None:
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--output-format", "concise"]
    command += ["--stdin-filename", "holo/planted.py", "-"]
    done = subprocess.run(
        command, cwd=ROOT, input=_FORBIDDEN[rule] + "\n", capture_output=True, text=True, check=False
    )
    assert f" {rule} " in done.stdout


def plain_compares(tree: ast.AST) -> Iterator[int]:
    """Yield the lines where something named like a secret is compared by `==` or `!=`; not with a literal."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Compare) or not isinstance(node.ops[0], ast.Eq | ast.NotEq):
            continue
        sides = [node.left, *node.comparators]
        names = {_name_of(side) for side in sides}
        literal = any(isinstance(side, ast.Constant) for side in sides)
        if not literal and any(_SECRET.search(name) and name not in _PUBLIC for name in names):
            yield node.lineno


def _name_of(node: ast.expr) -> str:
    if isinstance(node, ast.Call):
        return _name_of(node.func)
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def unclean_sql(tree: ast.AST) -> Iterator[int]:
    """Yield the lines that run SQL which the call puts together of more than constants."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _name_of(node) in ("execute", "executemany", "raw") and node.args:
            sql = node.args[0]
            formatted = isinstance(sql, ast.Call) and _name_of(sql) in ("format", "join", "format_map")
            parts = [
                part.value for part in getattr(sql, "values", ()) if isinstance(part, ast.FormattedValue)
            ]
            if isinstance(sql, ast.BinOp) or formatted or not all(_name_of(part).isupper() for part in parts):
                yield node.lineno


def open_queries(tree: ast.AST) -> Iterator[int]:
    """Yield the lines where a query is asked with whatever names a caller has sent."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _ASKS:
            spread = [keyword.value for keyword in node.keywords if keyword.arg is None]
            if any(_SENT.search(ast.unparse(one)) for one in spread):
                yield node.lineno


@pytest.mark.parametrize("search", [plain_compares, unclean_sql, open_queries])
def test_product_has_none_of_it(search: object) -> None:
    assert callable(search)
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in modules()
        for line in search(ast.parse(path.read_text(encoding="utf-8")))
    ]
    reviewed = _REVIEWED if search is unclean_sql else {}
    assert [place for place in found if place.partition(":")[0] not in reviewed] == []
    assert {place.partition(":")[0] for place in found} == set(reviewed), "reviewed, and no longer there"


@pytest.mark.parametrize(
    ("search", "line"),
    [
        (plain_compares, "given == row.secret_hash"),
        (plain_compares, "hash_token(given) != kept"),
        (unclean_sql, "cursor.execute(f'SELECT {name}')"),
        (unclean_sql, "cursor.execute('SELECT ' + name)"),
        (unclean_sql, "cursor.execute('SELECT {}'.format(name))"),
        (open_queries, "Order.objects.filter(**request.GET.dict())"),
        (open_queries, "rows.create(**serializer.validated_data)"),
    ],
)
def test_control_each_search_finds_what_it_is_for(search: object, line: str) -> None:
    assert callable(search)
    assert list(search(ast.parse(line))) == [1]


def test_tasks_travel_as_json_alone() -> None:
    assert list(celery.conf.accept_content) == ["json"]
    assert (celery.conf.task_serializer, celery.conf.result_serializer) == ("json", "json")
