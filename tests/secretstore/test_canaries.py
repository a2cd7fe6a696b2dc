"""Marked secrets go through the whole product; then every place that keeps something is searched for them."""

import asyncio
import base64
import io
import json
import logging
import os
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import LazySettings, settings
from django.db import connection
from django.test import Client
from temporalio.client import Client as TemporalClient

from holo.apiauth.services import create_api_key
from holo.common.ids import uuid7
from holo.common.logs import ContextFilter, JsonFormatter, TextFormatter
from holo.identity.models import User
from holo.identity.roles import Role
from holo.identity.services import create_project, invite_member, issue_invitation_link
from holo.secretstore.errors import SecretMalformedError
from holo.secretstore.places import INSTALLATION
from holo.secretstore.services import get_secret_or_raise, set_secret
from orders.models import Order
from orders.states import Status
from tests.api.people import Api
from tests.bad_inputs.world import join
from tests.identity.people import actor_of, add_member
from tests.live import Live, ends, eventually, reaches
from tests.logins import enrol
from tests.servers import Servers
from tests.stories import PHONE, Shop, build_shop
from tests.workflows.conftest import live, live_relay
from workflows.orders.contracts import order_workflow_id

__all__ = ["live", "live_relay"]
_SCOPES = ["orders:read", "orders:write", "secrets:read", "secrets:write"]
_PROJECT = "/api/v1/projects/canaries/environments/production"
# Where it would be found if the search did not work: an order's customer is in PostgreSQL alone.
_CUSTOMER = "Kanarienvogel"
_END = "end-of-the-canaries"


def canary(of: str) -> str:
    """Return a secret that nothing else contains."""
    return f"canary-{of}-{uuid7().hex}"


@dataclass(slots=True)
class Trail:
    """Everything that is written anywhere while secrets go through."""

    log: io.StringIO = field(default_factory=io.StringIO)
    commands: list[str] = field(default_factory=list)
    answers: list[bytes] = field(default_factory=list)

    def keep(self, answer: Any) -> Any:
        """Remember an answer in which nothing secret belongs."""
        self.answers.append(b"".join(answer) + repr(sorted(answer.items())).encode())
        return answer


@pytest.fixture
def trail(live: Live) -> Iterator[Trail]:
    """Lines of the log at the finest level in both formats, and all that Valkey is told."""
    found = Trail()
    handlers = []
    for formatter in (TextFormatter(), JsonFormatter()):
        handler = logging.StreamHandler(found.log)
        handler.setFormatter(formatter)
        handler.addFilter(ContextFilter())
        handlers.append(handler)
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.DEBUG)
    for handler in handlers:
        root.addHandler(handler)
    ready = threading.Event()
    listener = threading.Thread(target=_listen, args=(found.commands, ready))
    listener.start()
    try:
        assert ready.wait(60)
        yield found
    finally:
        redis.Redis.from_url(settings.REDIS_URL).get(_END)
        listener.join(60)
        root.setLevel(level)
        for handler in handlers:
            root.removeHandler(handler)


def _listen(commands: list[str], ready: threading.Event) -> None:
    # Nothing may come for longer than the default timeout of a read.
    watched: Any = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=None)
    with watched.monitor() as monitor:
        ready.set()
        while not commands or _END not in commands[-1]:
            commands.append(str(monitor.next_command()["command"]))


def test_secrets_are_found_in_no_place_that_keeps_something(
    trail: Trail, ring: LazySettings, servers: Servers
) -> None:
    shop = build_shop()
    secrets = _send_through(shop, trail)
    body = {"items": [{"sku": PHONE, "quantity": 1}], "ship_to": {"name": _CUSTOMER}}
    placed = Api(secrets["key"]).post("/api/v1/orders", body)
    order = Order.objects.get(pk=placed.json()["id"])
    reaches(order, Status.AWAITING_PAYMENT)
    shop.pay(order)
    ends(order, Status.COMPLETED)
    eventually(lambda: any("send_next_delivery" in said for said in trail.commands), what="the mail's task")

    histories = asyncio.run(_histories())
    places = {
        "log": trail.log.getvalue().encode(),
        "answers": b"".join(trail.answers),
        "Valkey": _readable(trail.commands),
        "Temporal": histories,
        "PostgreSQL": _dump(),
    }
    # The control: each place is really looked into.
    assert order_workflow_id(order.pk).encode() in places["Temporal"]
    assert str(order.pk).encode() in places["log"]
    assert _CUSTOMER.encode() in places["PostgreSQL"]
    assert b"send_next_delivery" in places["Valkey"]
    assert places["answers"].count(b"X-Request-ID") > 10
    found = {
        f"{what} in {place}"
        for place, content in places.items()
        for what, secret in secrets.items()
        for form in (secret.encode(), secret.encode().hex().encode())
        if form in content
    }
    assert found == set()
    assert _CUSTOMER.encode() not in places["Temporal"] + places["Valkey"] + places["log"]
    assert _files_with(servers.folder, secrets) == set()
    assert _files_with(servers.folder, {"customer": _CUSTOMER}) != set()


def _send_through(shop: Shop, trail: Trail) -> dict[str, str]:
    """Use every kind of secret as it is meant to be used, and as it is not; return them by kind."""
    owner = add_member(shop.organization, Role.OWNER)
    password = canary("password")
    owner.set_password(password)
    owner.is_staff = True
    owner.save()
    join(owner, "operator")
    actor = actor_of(owner, shop.organization)
    create_project(actor=actor, slug="canaries", name="Canaries")
    _key, text = create_api_key(
        actor=actor, owner_id=owner.pk, organization_id=shop.organization.pk, name="canary", scopes=_SCOPES
    )
    secrets = {"password": password, "key": text, "secret half of the key": text[-28:]}
    secrets |= _as_variables(Api(text), trail)
    secrets |= _as_bad_input(Api(text), owner, trail)
    secrets |= _as_invitation(shop, trail)
    secrets["installation's secret"] = canary("installation")
    name = "canary/psp"
    set_secret(actor=actor, place=INSTALLATION, name=name, value=secrets["installation's secret"])
    with pytest.raises(SecretMalformedError) as refusal:
        get_secret_or_raise(actor=actor, place=INSTALLATION, name=name, schema=int)
    trail.answers.append(repr((refusal.value, refusal.value.details)).encode())
    client = Client()
    login = {"username": owner.email, "password": password}
    device = enrol(owner)
    assert trail.keep(client.post("/admin/login/", login)).status_code == 302
    assert trail.keep(client.post("/admin/login/code/", {"code": device.code()})).status_code == 302
    secrets["secret of the second factor"] = device.secret
    return secrets


def _as_variables(api: Api, trail: Trail) -> dict[str, str]:
    first, second, imported = canary("variable"), canary("changed"), canary("imported")
    body = {"name": "TOKEN", "value": first}
    for _attempt in range(2):
        trail.keep(api.post(f"{_PROJECT}/variables", body, headers={"Idempotency-Key": "canary"}))
    trail.keep(api.post(f"{_PROJECT}/variables", {**body, "value": second}))
    path = f"{_PROJECT}/variables/TOKEN"
    assert api.get(path).json()["value"] == first
    changed = api.client.patch(path, json.dumps({"value": second}), content_type="application/json")
    assert trail.keep(changed).status_code == 200
    trail.keep(api.post(f"{_PROJECT}/import", {"dotenv": f"A={imported}\nnonsense {imported}\n"}))
    trail.keep(api.post(f"{_PROJECT}/import", {"dotenv": f"A={imported}\n", "overwrite": True}))
    trail.keep(api.client.delete(path))
    return {"variable": first, "changed variable": second, "imported variable": imported}


def _as_bad_input(api: Api, owner: User, trail: Trail) -> dict[str, str]:
    named, torn, wrong, bearer, extra = (
        canary(of) for of in ("name", "json", "password", "bearer", "unknown")
    )
    trail.keep(api.post(f"{_PROJECT}/variables", {"name": "1 no name", "value": named}))
    trail.keep(api.post(f"{_PROJECT}/variables", raw=f'{{"value": "{torn}", '.encode()))
    trail.keep(api.post("/api/v1/orders", {"items": [], "card": {"number": extra}}))
    trail.keep(Client(headers={"Authorization": f"Bearer {bearer}"}).get("/api/v1/orders"))
    trail.keep(Client(headers={"Authorization": f"Basic {bearer}"}).get("/api/v1/orders"))
    trail.keep(Client().get("/api/v1/orders", {"api_key": bearer}))
    trail.keep(Client().post("/admin/login/", {"username": owner.email, "password": wrong}))
    return {
        "refused value": named,
        "torn value": torn,
        "wrong password": wrong,
        "wrong key": bearer,
        "unknown field": extra,
    }


def _as_invitation(shop: Shop, trail: Trail) -> dict[str, str]:
    inviter = actor_of(add_member(shop.organization, Role.OWNER), shop.organization)
    email, chosen, other = "new@canaries.example", canary("chosen"), canary("other")
    invitation = invite_member(actor=inviter, email=email, role=Role.MEMBER)
    issued = issue_invitation_link(invitation_id=invitation.pk)
    assert issued is not None
    _invitation, token = issued
    client = Client()
    for second in (other, chosen):
        form = {"name": "New", "new_password1": chosen, "new_password2": second}
        answer = trail.keep(client.post(f"/invitations/{token}", form))
    assert User.objects.filter(email=email).exists(), answer.content
    return {"link": token, "chosen password": chosen, "repeated password": other}


async def _histories() -> bytes:
    temporal = await TemporalClient.connect(settings.TEMPORAL_ADDRESS, namespace=settings.TEMPORAL_NAMESPACE)
    found = []
    async for run in temporal.list_workflows():
        handle = temporal.get_workflow_handle(run.id, run_id=run.run_id)
        history = await handle.fetch_history()
        found += [run.id.encode(), *(event.SerializeToString() for event in history.events)]
    return b"".join(found)


def _readable(commands: list[str]) -> bytes:
    """Return the commands with what Celery wraps in Base64 beside them."""
    text = "\n".join(commands)
    wrapped = re.findall(r"[A-Za-z0-9+/]{40,}={0,2}", text)
    return text.encode() + b"\n".join(base64.b64decode(found[: len(found) // 4 * 4]) for found in wrapped)


def _dump() -> bytes:
    """Return every row of every table as text."""
    rows = []
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT t::text FROM "{table}" t')
            rows += [row[0] for row in cursor.fetchall()]
    return "\n".join(rows).encode()


def _files_with(folder: Path, secrets: dict[str, str]) -> set[str]:
    """Return which secrets the servers' files hold: tables, write-ahead log, logs, journals."""
    wanted = {secret.encode(): what for what, secret in secrets.items()}
    pattern = re.compile(b"|".join(re.escape(secret) for secret in wanted))
    found: set[str] = set()
    for path in _files(folder):
        try:
            content = path.read_bytes()
        except FileNotFoundError:  # of a database that another test drops meanwhile
            continue
        found |= {f"{wanted[hit]} in {path.relative_to(folder)}" for hit in pattern.findall(content)}
    return found


def _files(folder: Path) -> Iterator[Path]:
    # `os.walk`, for `Path.rglob` fails at a folder that goes meanwhile.
    for parent, _, names in os.walk(folder):
        for path in (Path(parent, name) for name in names):
            try:
                if path.is_file() and not path.is_symlink():
                    yield path
            except OSError:
                continue
