"""Where bad requests are sent: one shop with an order for each address, and a caller of each kind."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client

from holo.apiauth.models import ApiKey
from holo.apiauth.scopes import (
    ORGANIZATION_READ,
    ORGANIZATION_WRITE,
    SCOPES,
    SECRETS_READ,
    SECRETS_WRITE,
    TOKENS_PUBLIC,
    TOKENS_READ,
    TOKENS_WRITE,
    USERS_READ,
    USERS_WRITE,
)
from holo.apiauth.services import create_api_key
from holo.apivote.models import Integration
from holo.apivote.services import vote_for_integration
from holo.approvals.models import ApprovalRequest
from holo.common.actor import OrganizationId, system_actor
from holo.common.ids import uuid7
from holo.identity.models import Environment, Membership, Organization, User, UserChange
from holo.identity.roles import Role
from holo.identity.services import (
    create_environment,
    create_project,
    invite_member,
    request_user_change,
)
from holo.secretstore.services import create_variable
from orders.models import Order
from orders.services import park_order
from orders.steps import Failure
from tests.api.people import build_key, build_person
from tests.bad_inputs.cases.rows import MISSING, As, Sent
from tests.bad_inputs.surface import BODIED, Endpoint, Json
from tests.builders import build_organization
from tests.identity.people import add_member
from tests.logins import log_in
from tests.stories import MAC, PHONE, Shop, build_shop

# A use of a key is noted to the minute, also by a call that is refused.
_COUNTED_ONLY = "apiauth_apikey"
State = dict[str, tuple[int, int]]


def written() -> State:
    """Return for each table its number of rows and a sum over their versions, which any change moves."""
    with connection.cursor() as cursor:
        cursor.execute(_counting())
        return {name: (count, int(versions)) for name, count, versions in cursor.fetchall()}


@cache
def _counting() -> str:
    versions = "coalesce(sum(xmin::text::bigint), 0)"
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        tables = [row[0] for row in cursor.fetchall()]
    return " UNION ALL ".join(
        f"SELECT '{table}', count(*), {0 if table == _COUNTED_ONLY else versions} FROM {table}"
        for table in tables
    )


def changed(before: State) -> set[str]:
    """Return the tables that something was written to since."""
    now = written()
    return {table for table in now if now[table] != before.get(table)}


@dataclass(slots=True)
class World:
    """A shop whose people have keys, with one order in the state that each address asks for."""

    shop: Shop
    operator: str
    auditor: str
    owner: str
    # A key of an environment, which signs public tokens.
    signer: str = ""
    narrow: dict[str, str] = field(default_factory=dict)
    stranger: str = ""
    sessions: dict[As, Client] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    targets: dict[str, str] = field(default_factory=dict)

    def order_for(self, endpoint: Endpoint, *, fresh: bool = False) -> Order:
        """Return the order whose state suits an address; a new one if it is going to be changed."""
        if fresh or endpoint.name not in self.orders:
            self.orders[endpoint.name] = _MAKERS.get(endpoint.name, placed)(self.shop)
        return self.orders[endpoint.name]

    def target_for(self, endpoint: Endpoint, *, fresh: bool = False) -> str:
        """Return the id in the address of something that suits the endpoint; empty if it has none."""
        if not endpoint.has_id:
            return ""
        make = _TARGETS.get(endpoint.route.partition("/<")[0])
        if make is None:
            return str(self.order_for(endpoint, fresh=fresh).pk)
        if fresh or endpoint.name not in self.targets:
            self.targets[endpoint.name] = make(self.shop.organization)
            if str(endpoint) == "DELETE integration-vote":
                vote_for_integration(actor=self.shop.seller_actor, identifier=self.targets[endpoint.name])
        return self.targets[endpoint.name]

    def forget(self, endpoint: Endpoint) -> None:
        """Make something new next time: what there was has been changed."""
        self.orders.pop(endpoint.name, None)
        self.targets.pop(endpoint.name, None)

    def good_body(self, endpoint: Endpoint, order: Order | None = None) -> Json:
        """Return a copy of the body that the endpoint accepts."""
        body = json.loads(json.dumps(endpoint.good.body))
        if body and "digest" in body:
            subject = (order or self.order_for(endpoint)).pk
            body["digest"] = ApprovalRequest.objects.get(subject_id=subject).subject_digest
        if body and "client_ref" in body:
            body["client_ref"] = uuid7().hex
        if body and "buyer" in body:
            body["buyer"] = uuid7().hex
        if body and body.get("name") == "":
            body["name"] = f"V{uuid7().hex}"
        if body and "email" in body:
            body["email"] = f"{uuid7().hex}@example.com"
        if body and "user_id" in body:
            body["user_id"] = f"u-{uuid7().hex}"
        if body and "slug" in body:
            body["slug"] = f"s-{uuid7().hex}"
        return body

    def headers(self, endpoint: Endpoint, caller: As) -> dict[str, str]:
        """Return the header with the caller's key; none for sessions and for nobody."""
        keys = {
            As.GOOD: self._key_for(endpoint.scope),
            As.NARROW: self.narrow.get(endpoint.scope, ""),
            As.STRANGER: self.stranger,
        }
        return {"Authorization": f"Bearer {keys[caller]}"} if caller in keys else {}

    def notes_of(self, caller: As) -> set[str]:
        """Return the tables that any request of the caller may write: a session notes each minute of use."""
        return {"django_session", "staff_staffsession"} if caller in self.sessions else set()

    def send(
        self,
        endpoint: Endpoint,
        sent: Sent,
        caller: As = As.GOOD,
        order: Order | None = None,
        client: Client | None = None,
    ) -> Any:
        """Send the good request of an endpoint with what `sent` changes."""
        client = client or self.sessions.get(caller) or Client(enforce_csrf_checks=True)
        client.raise_request_exception = False
        path = sent.path or endpoint.path(
            sent.object_id or (str(order.pk) if order else self.target_for(endpoint))
        )
        path += f"?{sent.query}" if sent.query else ""
        body = b""
        if endpoint.method in BODIED:
            body = sent.body if sent.body is not None else self._body(endpoint, sent, order)
        headers = {**self.headers(endpoint, caller), **sent.headers}
        return client.generic(
            sent.method or endpoint.method,
            path,
            body,
            content_type=sent.content_type if endpoint.method in BODIED else "",
            headers=headers,
        )

    def _key_for(self, scope: str) -> str:
        of_others = {
            "orders:audit": self.auditor,
            ORGANIZATION_READ: self.owner,
            ORGANIZATION_WRITE: self.owner,
            SECRETS_READ: self.owner,
            SECRETS_WRITE: self.owner,
            TOKENS_READ: self.owner,
            TOKENS_WRITE: self.owner,
            TOKENS_PUBLIC: self.signer,
            USERS_READ: self.owner,
            USERS_WRITE: self.owner,
        }
        return of_others.get(scope, self.operator)

    def _body(self, endpoint: Endpoint, sent: Sent, order: Order | None) -> bytes:
        body = self.good_body(endpoint, order)
        for pointer, value in sent.change:
            change(body, pointer, value)
        return json.dumps(body).encode()


def change(body: Json, pointer: str, value: Json) -> None:
    """Set what a pointer names, in place."""
    *way, last = pointer.split("/")[1:]
    for step in way:
        body = body[int(step) if isinstance(body, list) else step]
    key: Any = int(last) if isinstance(body, list) else last
    if value is MISSING:
        del body[key]
    else:
        body[key] = value


def placed(shop: Shop) -> Order:
    """Return an order that nothing has been done for."""
    return shop.place(PHONE)


def awaiting_payment(shop: Shop) -> Order:
    """Return an order that may be paid."""
    return placed(shop)


def awaiting_approval(shop: Shop) -> Order:
    """Return an order that may be decided."""
    return shop.place(MAC)


def parked(shop: Shop) -> Order:
    """Return an order that may be retried."""
    order = awaiting_payment(shop)
    failure = Failure(step="release_stock", attempts=5, error_code="request.busy", message="held")
    park_order(order_id=order.pk, failures=[failure])
    return order


_MAKERS: Mapping[str, Callable[[Shop], Order]] = {
    "order-pay": awaiting_payment,
    "order-audit": awaiting_approval,
    "order-retry": parked,
}


def a_member(organization: Organization) -> str:
    """Return the id of a new member."""
    return str(build_person(organization=organization).pk)


def a_project(organization: Organization) -> str:
    """Return the short name of a new project; an environment of it and a variable there are called alike."""
    actor, slug = system_actor(OrganizationId(organization.pk)), f"p{uuid7().hex}"
    create_project(actor=actor, slug=slug, name=slug)
    create_environment(actor=actor, project_slug=slug, slug=slug, kind=Environment.Kind.PREVIEW)
    create_variable(actor=actor, project=slug, environment=slug, name=slug, value="sk_live_0")
    return slug


def an_invitation(organization: Organization) -> str:
    """Return the id of a new invitation."""
    actor = system_actor(OrganizationId(organization.pk))
    return str(invite_member(actor=actor, email=f"{uuid7().hex}@example.com", role=Role.MEMBER).pk)


def a_user_change(organization: Organization) -> str:
    """Return the id of the process of a new change, which nothing runs."""
    change = request_user_change(
        actor=system_actor(OrganizationId(organization.pk)),
        reference=f"u-{uuid7().hex}",
        action=UserChange.Action.CREATE,
        email=f"{uuid7().hex}@example.com",
        name="Wang Fang",
    )
    return change.workflow_id


def an_integration(_organization: Organization) -> str:
    """Return the identifier of a new integration."""
    identifier = f"i-{uuid7().hex}"
    Integration.objects.create(
        identifier=identifier, name=identifier, category="store", home_page="https://x"
    )
    return identifier


def a_personal_token(organization: Organization) -> str:
    """Return the id of a new token of the organisation's first owner, whose key calls."""
    owner = User.objects.filter(memberships__organization=organization, memberships__role=Role.OWNER)
    return _token(organization, owner.order_by("memberships__id")[0], ApiKey.Kind.PERSONAL)


def an_organization_token(organization: Organization) -> str:
    """Return the id of a new token of the organisation."""
    return _token(organization, None, ApiKey.Kind.ORGANIZATION)


def _token(organization: Organization, owner: User | None, kind: ApiKey.Kind) -> str:
    token, _text = create_api_key(
        actor=None,
        kind=kind,
        owner_id=owner.pk if owner else None,
        organization_id=organization.pk,
        name="test",
        scopes=[ORGANIZATION_READ],
    )
    return str(token.pk)


# What an address begins with, and what its id names; others name orders.
_TARGETS: Mapping[str, Callable[[Organization], str]] = {
    "integrations": an_integration,
    "invitations": an_invitation,
    "members": a_member,
    "projects": a_project,
    "tokens/organization": an_organization_token,
    "tokens/personal": a_personal_token,
    "workflows/user": a_user_change,
}


_OF_OWNERS = (
    *(ORGANIZATION_READ, ORGANIZATION_WRITE, SECRETS_READ, SECRETS_WRITE),
    *(TOKENS_READ, TOKENS_WRITE, USERS_READ, USERS_WRITE),
)


def build_world() -> World:
    """Make the shop and its people."""
    shop = build_shop(stock=1000)
    own = shop.organization
    join(shop.seller, "operator")
    owner = add_member(own, Role.OWNER)
    world = World(
        shop=shop,
        operator=_key(
            shop.seller,
            own,
            ("orders:read", "orders:write", "inventory:read", "integrations:read", "integrations:vote"),
        ),
        auditor=_key(shop.auditor, own, ("orders:read", "orders:audit")),
        owner=_key(owner, own, _OF_OWNERS),
        signer=_signer(owner, own),
    )
    # The group gives a narrow key's owner all it lacks, so that the key alone is what is too narrow.
    wide = build_person(organization=own, groups=["operator", "auditor"])
    world.narrow = {
        scope: _key(wide, own, [other for other in SCOPES if other != scope][:1]) for scope in SCOPES
    }
    # An owner at home, so that what is foreign is all that is in the way.
    stranger = add_member(build_organization(), Role.OWNER)
    join(stranger, "operator", "auditor")
    world.stranger = _key(stranger, stranger.memberships.get().organization, SCOPES)
    several = build_person(organization=own, groups=["operator", "auditor"])
    Membership.objects.create(user=several, organization=build_organization())
    nowhere = build_person(organization=None, groups=["operator", "auditor"])
    for kind, person in ((As.SESSION, wide), (As.SEVERAL, several), (As.NOWHERE, nowhere)):
        world.sessions[kind] = Client(enforce_csrf_checks=True)
        log_in(world.sessions[kind], person)
    return world


def join(person: User, *groups: str) -> None:
    """Put a person into groups."""
    person.groups.add(*(Group.objects.get_or_create(name=name)[0] for name in groups))


def _signer(owner: User, organization: Organization) -> str:
    slug = a_project(organization)
    _key_of, text = create_api_key(
        actor=None,
        owner_id=owner.pk,
        organization_id=organization.pk,
        environment_id=Environment.objects.get(project__slug=slug, slug="production").pk,
        name="test",
        scopes=[TOKENS_PUBLIC, "integrations:read"],
    )
    return text


def _key(owner: User, organization: Organization, scopes: Iterable[str]) -> str:
    return build_key(owner=owner, organization=organization, scopes=list(scopes))
