"""What can be called: every endpoint of the URL conf, with a good request for each that the cases spoil.

An endpoint that is new here has no good request yet, and the tests fail until it has one.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Any
from uuid import UUID

import yaml
from django.conf import settings
from django.urls import URLPattern, URLResolver, get_resolver

from holo.apiauth.scopes import SCOPES
from holo.apiauth.views import ApiView
from tests.stories import PHONE

Json = Any
ROOT = "/api/v1/"
_ID = re.compile(r"<(?:id|slug):\w+>")
# Methods that take a body, and those that change something.
BODIED = ("POST", "PATCH")
CHANGING = (*BODIED, "DELETE")


class Kind(StrEnum):
    """What a field or a parameter holds."""

    INTEGER = "integer"
    IDENTIFIER = "identifier"
    TEXT = "text"
    EXACT = "exact"
    AMOUNT = "amount"
    CHOICE = "choice"
    DIGEST = "digest"
    LIST = "list"
    OBJECT = "object"
    LINE = "line"
    BOOLEAN = "boolean"
    UUID = "uuid"
    MOMENT = "moment"
    NAME_PARAMETER = "parameter with a text"
    CHOICES_PARAMETER = "parameter with choices"
    MOMENT_PARAMETER = "parameter with a time"
    BOOLEAN_PARAMETER = "parameter that is true or false"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of a body; `pointer` says where."""

    pointer: str
    kind: Kind
    required: bool = False
    low: int = 0
    high: int = 10_000
    longest: int = 64
    # What a list may hold.
    item: Json = "x"


@dataclass(frozen=True, slots=True, kw_only=True)
class Good:
    """A request that is accepted, and what its body is made of."""

    body: Mapping[str, Json] | None = None
    fields: tuple[Field, ...] = ()
    # A reading that leaves its audit row.
    audited: bool = False


# What the document has and `GOOD` has not: where nobody is asked who calls, there is no key to spoil. Their
# refusals are in `tests/api/test_codes.py`.
OPEN = frozenset({"POST /api/v1/authorization-codes", "POST /api/v1/tokens"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One method of one address."""

    name: str
    method: str
    route: str
    scope: str
    view: type[ApiView] = field(repr=False)

    def __str__(self) -> str:
        return f"{self.method} {self.name}"

    @property
    def has_id(self) -> bool:
        """Tell whether the address names an object."""
        return bool(_ID.search(self.route))

    @property
    def is_owned(self) -> bool:
        """Tell whether what the address names belongs to one organisation; the catalogue is everybody's."""
        return self.has_id and not self.name.startswith("integration-")

    @property
    def is_list(self) -> bool:
        """Tell whether the answer comes in pages."""
        return self.method == "GET" and bool(self.view.ordering)

    @property
    def good(self) -> Good:
        """Return the request that is accepted."""
        return GOOD[str(self)]

    def path(self, object_id: object) -> str:
        """Return the address of an object, whatever is taken for its id."""
        return ROOT + _ID.sub(str(object_id).replace("\\", r"\\"), self.route)


def _views(patterns: list[Any]) -> Iterator[tuple[str, str, type[ApiView]]]:
    for entry in patterns:
        if isinstance(entry, URLResolver):
            yield from _views(entry.url_patterns)
        elif isinstance(entry, URLPattern):
            yield str(entry.name), str(entry.pattern), vars(entry.callback)["view_class"]


def endpoints() -> list[Endpoint]:
    """Return every method of every address below /api/v1/."""
    found = []
    below = [entry for entry in get_resolver().url_patterns if str(entry.pattern) == ROOT[1:]]
    for name, route, view in _views(below):
        for method, scope in view.required_scopes.items():
            found.append(Endpoint(name=name, method=method, route=route, scope=scope, view=view))
    return found


def plain_addresses() -> list[str]:
    """Return the other addresses of the URL conf that a reader may open."""
    return [
        "/" + re.sub(r"<\w+:\w+>", str(UUID(int=0)), str(entry.pattern))
        for entry in get_resolver().url_patterns
        if isinstance(entry, URLPattern) and entry.name
    ]


@cache
def document() -> dict[str, Json]:
    """Return the committed OpenAPI document."""
    text = (settings.BASE_DIR / "docs" / "openapi.yaml").read_text(encoding="utf-8")
    found: dict[str, Json] = yaml.load(text, Loader=yaml.CSafeLoader)
    return found


def template(endpoint: Endpoint) -> str:
    """Return the address as the document writes it."""
    return ROOT + re.sub(r"<\w+:(\w+)>", r"{\1}", endpoint.route)


def documented() -> set[str]:
    """Return method and address of every call in the document."""
    paths = document()["paths"].items()
    return {f"{method.upper()} {path}" for path, item in paths for method in item}


def operation(endpoint: Endpoint) -> dict[str, Json]:
    """Return what the document says of an endpoint."""
    found: dict[str, Json] = document()["paths"][template(endpoint)][endpoint.method.lower()]
    return found


def answer_fields(endpoint: Endpoint) -> set[str]:
    """Return the names of the fields of a successful answer."""
    (answer,) = (body for status, body in operation(endpoint)["responses"].items() if status[0] == "2")
    return set(_resolved(answer["content"]["application/json"]["schema"])["properties"])


def documented_fields(endpoint: Endpoint) -> set[str]:
    """Return the pointers of all fields of a body; those of a list's entries below `/0`."""
    body = operation(endpoint).get("requestBody")
    return set(_pointers(body["content"]["application/json"]["schema"], "")) if body else set()


def _pointers(schema: Json, place: str) -> Iterator[str]:
    resolved = _resolved(schema)
    for choice in resolved.get("oneOf", ()):
        yield from _pointers(choice, place)
    for name, inner in resolved.get("properties", {}).items():
        yield f"{place}/{name}"
        yield from _pointers(inner, f"{place}/{name}")
    if "items" in resolved:
        yield f"{place}/0"
        yield from _pointers(resolved["items"], f"{place}/0")


def _resolved(schema: Json) -> Json:
    while "$ref" in schema:
        schema = document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


_ADDRESS = {
    "name": 200,
    "phone": 40,
    "street": 300,
    "city": 100,
    "region": 100,
    "postal_code": 20,
    "country": 60,
}

PLACE = Good(
    body={
        "items": [{"sku": PHONE, "quantity": 1}],
        "amount": "500.00",
        "client_ref": "PO-4711",
        "buyer": "customer-4711",
        "ship_to": dict.fromkeys(_ADDRESS, "Xi'an"),
        "payment": {"token": "tok_ok"},
        "sandbox": {"payment_deadline_seconds": 60, "approval_deadline_seconds": 60, "carrier": "ok"},
    },
    fields=(
        Field(pointer="/items", kind=Kind.LIST, required=True, low=1, high=200),
        Field(pointer="/items/0", kind=Kind.LINE),
        Field(pointer="/items/0/sku", kind=Kind.IDENTIFIER, required=True),
        Field(pointer="/items/0/quantity", kind=Kind.INTEGER, low=1),
        Field(pointer="/amount", kind=Kind.AMOUNT),
        Field(pointer="/client_ref", kind=Kind.IDENTIFIER, longest=100),
        Field(pointer="/buyer", kind=Kind.IDENTIFIER, longest=64),
        Field(pointer="/ship_to", kind=Kind.OBJECT),
        *(
            Field(pointer=f"/ship_to/{name}", kind=Kind.TEXT, longest=longest, required=name == "name")
            for name, longest in _ADDRESS.items()
        ),
        Field(pointer="/payment", kind=Kind.OBJECT),
        Field(pointer="/payment/token", kind=Kind.IDENTIFIER, required=True),
        Field(pointer="/sandbox", kind=Kind.OBJECT),
        Field(pointer="/sandbox/payment_deadline_seconds", kind=Kind.INTEGER, high=86_400),
        Field(pointer="/sandbox/approval_deadline_seconds", kind=Kind.INTEGER, high=86_400),
        Field(pointer="/sandbox/carrier", kind=Kind.CHOICE),
    ),
)

_NAME = Field(pointer="/name", kind=Kind.IDENTIFIER, required=True, longest=200)
_SLUG = Field(pointer="/slug", kind=Kind.IDENTIFIER, required=True, longest=50)

_TOKEN = Good(
    body={
        "name": "deploy",
        "scopes": ["organization:read"],
        "expires_in_days": 30,
        "networks": ["127.0.0.0/8"],
    },
    fields=(
        Field(pointer="/name", kind=Kind.IDENTIFIER, required=True, longest=100),
        Field(pointer="/scopes", kind=Kind.LIST, required=True, low=1, high=len(SCOPES), item="orders:read"),
        Field(pointer="/scopes/0", kind=Kind.CHOICE),
        Field(pointer="/expires_in_days", kind=Kind.INTEGER, low=1, high=366),
        Field(pointer="/networks", kind=Kind.LIST, low=0, high=50, item="::1"),
        Field(pointer="/networks/0", kind=Kind.IDENTIFIER, longest=50),
    ),
)

GOOD: dict[str, Good] = {
    "GET whoami": Good(),
    "GET personal-token-list": Good(),
    "POST personal-token-list": _TOKEN,
    "DELETE personal-token-detail": Good(),
    "GET organization-token-list": Good(),
    "POST organization-token-list": _TOKEN,
    "DELETE organization-token-detail": Good(),
    "POST public-token": Good(
        body={
            "scopes": ["integrations:read"],
            "expires_in_seconds": 900,
            "one_time": False,
            "buyer": "customer-1",
        },
        fields=(
            Field(pointer="/scopes", kind=Kind.LIST, low=1, high=len(SCOPES), item="orders:read"),
            Field(pointer="/scopes/0", kind=Kind.CHOICE),
            Field(pointer="/expires_in_seconds", kind=Kind.INTEGER, low=60, high=3600),
            Field(pointer="/one_time", kind=Kind.BOOLEAN),
            Field(pointer="/buyer", kind=Kind.IDENTIFIER, longest=64),
        ),
    ),
    "GET member-list": Good(),
    "GET member-detail": Good(),
    "PATCH member-detail": Good(
        body={"role": "admin"}, fields=(Field(pointer="/role", kind=Kind.CHOICE, required=True),)
    ),
    "DELETE member-detail": Good(),
    "GET variable-list": Good(),
    "POST variable-list": Good(
        body={"name": "", "value": "sk_live_1"},
        fields=(
            Field(pointer="/name", kind=Kind.IDENTIFIER, required=True, longest=128),
            Field(pointer="/value", kind=Kind.EXACT, required=True, longest=32_768),
        ),
    ),
    "GET variable-detail": Good(audited=True),
    "PATCH variable-detail": Good(
        body={"value": "sk_live_2"},
        fields=(Field(pointer="/value", kind=Kind.EXACT, required=True, longest=32_768),),
    ),
    "DELETE variable-detail": Good(),
    "POST variable-import": Good(
        body={"dotenv": "NEW_ONE=1", "overwrite": True},
        fields=(
            Field(pointer="/dotenv", kind=Kind.EXACT, required=True, longest=65_536),
            Field(pointer="/overwrite", kind=Kind.BOOLEAN),
        ),
    ),
    "GET integration-list": Good(),
    "GET integration-detail": Good(),
    "POST integration-vote": Good(body={}),
    "DELETE integration-vote": Good(),
    "GET invitation-list": Good(),
    "POST invitation-list": Good(
        body={"email": "", "role": "member"},
        fields=(
            Field(pointer="/email", kind=Kind.IDENTIFIER, required=True, longest=254),
            Field(pointer="/role", kind=Kind.CHOICE, required=True),
        ),
    ),
    "DELETE invitation-detail": Good(),
    "GET project-list": Good(),
    "POST project-list": Good(body={"slug": "", "name": "Web shop"}, fields=(_SLUG, _NAME)),
    "GET project-detail": Good(),
    "PATCH project-detail": Good(body={"name": "Depot"}, fields=(_NAME,)),
    "GET environment-list": Good(),
    "POST environment-list": Good(
        body={"slug": "", "kind": "preview"},
        fields=(_SLUG, Field(pointer="/kind", kind=Kind.CHOICE, required=True)),
    ),
    "GET user-change-list": Good(),
    "POST user-change-list": Good(
        body={"user_id": "", "action": "create", "email": "", "name": "Wang Fang"},
        fields=(
            Field(pointer="/user_id", kind=Kind.IDENTIFIER, required=True, longest=64),
            Field(pointer="/action", kind=Kind.CHOICE, required=True),
            Field(pointer="/email", kind=Kind.IDENTIFIER, longest=254),
            Field(pointer="/name", kind=Kind.IDENTIFIER, longest=100),
        ),
    ),
    "GET user-change-detail": Good(),
    "GET user-change-result": Good(),
    "POST user-change-cancel": Good(body={}),
    "GET product-list": Good(),
    "GET stock-list": Good(),
    "GET order-list": Good(),
    "GET order-detail": Good(),
    "GET order-timeline": Good(),
    "POST order-list": PLACE,
    "POST order-pay": Good(
        body={"token": "tok_ok"},
        fields=(Field(pointer="/token", kind=Kind.IDENTIFIER, required=True),),
    ),
    "POST order-cancel": Good(body={}),
    "POST order-retry": Good(body={}),
    "POST order-audit": Good(
        body={"action": "APPROVE", "reason": "checked with the customer", "digest": ""},
        fields=(
            Field(pointer="/action", kind=Kind.CHOICE, required=True),
            Field(pointer="/reason", kind=Kind.TEXT, longest=2000),
            Field(pointer="/digest", kind=Kind.DIGEST),
        ),
    ),
}


def parameters_of(endpoint: Endpoint) -> Iterator[tuple[str, Kind]]:
    """Yield the filters of a list with what each holds."""
    for name, declared in endpoint.view.filters.items() if endpoint.is_list else ():
        if declared.schema.get("format") == "date-time":
            yield name, Kind.MOMENT_PARAMETER
        elif "maxLength" in declared.schema:
            yield name, Kind.NAME_PARAMETER
        elif declared.schema == {"type": "boolean"}:
            yield name, Kind.BOOLEAN_PARAMETER
        elif declared.schema == {"type": "string"} or "enum" in declared.schema:
            yield name, Kind.CHOICES_PARAMETER
        else:
            raise AssertionError(f"{endpoint}: no cases for the kind of parameter {name}: {declared.schema}")
