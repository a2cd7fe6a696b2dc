"""The forms of the table's rows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from tests.bad_inputs.surface import Endpoint, Field, Json, Kind

# What is expected when the answer has no `errors`.
NO_POINTER = None
# In place of a value: the field is not sent.
MISSING = object()


class On(StrEnum):
    """Which endpoints a case applies to."""

    EVERY = "every endpoint"
    READ = "every GET"
    POST = "every body"
    WRITE = "every change"
    BODY = "every body with a required field"
    LIST = "every list"
    ID = "every address with an id"
    OWNED = "every address with the id of what belongs to an organisation"


class As(StrEnum):
    """Who calls."""

    GOOD = "who may"
    NOBODY = "nobody"
    NARROW = "a key without the scope"
    STRANGER = "somebody of another organisation, with all scopes"
    SESSION = "a session of who may"
    SEVERAL = "a session of who belongs to two organisations"
    NOWHERE = "a session of who belongs to none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What all rows have: the id in the list of bad inputs, what is wrong, and the code it ends in."""

    id: str
    what: str
    code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """How a request differs from the good one."""

    label: str
    body: bytes | None = None
    # Places of the good body that change, as pointers; MISSING takes one out.
    change: tuple[tuple[str, Json], ...] = ()
    pointer: str | None = NO_POINTER
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    method: str = ""
    object_id: str = ""
    # The whole address, where one id in all its places will not do.
    path: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case(Row):
    """A request that is refused on every endpoint it applies to, and changes nothing."""

    on: On
    sent: tuple[Sent, ...] | Callable[[Endpoint], Sequence[Sent]]
    status: int
    pointer: str | None = NO_POINTER
    caller: As = As.GOOD
    # Headers that the answer must have.
    answers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyCase(Row):
    """Bytes that are no JSON object to begin with, whatever the endpoint."""

    label: str
    body: bytes = field(repr=False)
    pointer: str | None = NO_POINTER
    # An endpoint without required fields takes an empty body for `{}`.
    needs_fields: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldCase(Row):
    """Values that no field of the kind takes."""

    kind: Kind
    values: Callable[[Field], Sequence[Json]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene(Row):
    """A request that is refused because of what is there; `scene` names what prepares it."""

    endpoint: str
    scene: str
    status: int
    pointer: str | None = NO_POINTER
    # Members of `details` that must be told.
    tells: tuple[str, ...] = ()
    retry_after: bool = False
    # The table that the refusal itself is counted in.
    counted_in: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Row):
    """Bad input in the admin: `scene` names the test that sends it."""

    scene: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Row):
    """What only a service meets, in a race or from a program: `scene` names the call."""

    scene: str
    # Tables in which the refused call is noted all the same.
    notes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Line(Row):
    """A command line: `words` after `manage.py`, exit code, and what stderr must hold."""

    words: tuple[str, ...]
    exits: int
    says: tuple[str, ...] = ()
    scene: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variables(Row):
    """An environment that does not fit: what is set, and what the one line on stderr must hold."""

    values: Mapping[str, str]
    says: tuple[str, ...]
    hides: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire(Row):
    """Bytes sent to the server, and the statuses it may answer with."""

    head: str = field(repr=False)
    body: bytes = field(repr=False)
    statuses: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report(Row):
    """What is sent to where browsers report, and the status it ends in."""

    media_type: str
    body: bytes = field(repr=False)
    status: int
