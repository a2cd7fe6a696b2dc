"""Public tokens: what a key signs, what is believed, and what ends it."""

import base64
import json
import logging
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import jwt
import pytest
from django.db.models.functions import Now

from holo.apiauth.models import ApiKey
from holo.apiauth.public_tokens import Claims, key_id_of, sign, verify
from holo.apiauth.scopes import PUBLIC, SCOPES
from holo.apiauth.services import create_api_key, revoke_api_key, rotate_api_key
from holo.audit.models import AuditEvent
from holo.identity.models import Membership, User
from tests.api.people import Api, code_of
from tests.api.signers import SIGN, Signer, build_signer
from tests.racing import race

WHOAMI, ORDERS = "/api/v1/whoami", "/api/v1/orders"


@pytest.fixture
def signer(fresh_database: str) -> Signer:
    """An environment's key that may sign."""
    return build_signer()


def refusal(text: str, path: str = WHOAMI) -> str:
    answer = Api(text).get(path)
    assert answer.status_code == 401, answer.content
    assert answer["WWW-Authenticate"].startswith("Bearer")
    return code_of(answer)


def test_public_token_has_the_public_part_of_its_keys_scopes_for_a_quarter_of_an_hour(signer: Signer) -> None:
    text = signer.sign()
    header, body = jwt.get_unverified_header(text), jwt.decode(text, options={"verify_signature": False})
    assert header == {"alg": "HS256", "typ": "JWT", "kid": str(signer.key.pk)}
    assert (body["sub"], body["exp"] - body["iat"]) == (str(signer.key.environment_id), 900)
    who = Api(text).get(WHOAMI).json()
    assert (who["kind"], who["scopes"]) == ("public_token", ["inventory:read", "orders:read"])
    assert who["environment"]["slug"] == "production"
    assert who["expires_at"] == datetime.fromtimestamp(body["exp"], UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert Api(text).get(ORDERS).status_code == 200
    assert code_of(Api(text).post(SIGN, {})) == "request.missing_scope"


def test_public_token_tells_its_holder_nothing_of_the_person_behind_the_key(signer: Signer) -> None:
    assert Api(signer.text).get(WHOAMI).json()["user"]["email"] == signer.owner.email
    answer = Api(signer.sign()).get(WHOAMI)
    assert (answer.json()["user"], answer.json()["role"]) == (None, None)
    assert signer.owner.email.encode() not in answer.content


def test_scopes_beyond_the_key_or_the_public_are_not_signed(signer: Signer) -> None:
    for scope in sorted(set(SCOPES) - {"orders:read", "inventory:read"}):
        answer = Api(signer.text).post(SIGN, {"scopes": [scope]})
        assert code_of(answer) == "apiauth.scope_not_held", scope
    assert not AuditEvent.objects.filter(action="apiauth.public_token_signed").exists()


def test_scopes_beyond_the_key_or_the_public_are_of_no_use_when_signed(signer: Signer) -> None:
    signer.sign()
    text = signer.forge(signer.secret(), scopes=sorted(SCOPES))
    assert set(Api(text).get(WHOAMI).json()["scopes"]) == {"orders:read", "inventory:read"}
    signer.owner.groups.clear()
    assert Api(text).get(WHOAMI).json()["scopes"] == []
    assert "secrets:read" not in PUBLIC


def test_token_that_reaches_orders_names_a_buyer(signer: Signer) -> None:
    for wish in ({}, {"scopes": ["orders:read"]}, {"scopes": ["orders:read", "inventory:read"]}):
        answer = Api(signer.text).post(SIGN, wish)
        assert (answer.status_code, code_of(answer)) == (422, "apiauth.buyer_required")
        assert [error["pointer"] for error in answer.json()["errors"]] == ["/buyer"]
    without = Api(signer.text).post(SIGN, {"scopes": ["inventory:read"]}).json()
    assert (without["buyer"], Api(without["token"]).get(WHOAMI).json()["buyer"]) == ("", "")


def test_token_without_a_buyer_reaches_no_orders(signer: Signer) -> None:
    """As versions before buyers signed them; such a token lives for an hour at most."""
    signer.sign()
    text = signer.forge(signer.secret(), buyer=None, scopes=["orders:read", "inventory:read"])
    assert Api(text).get(WHOAMI).json()["scopes"] == ["inventory:read"]
    assert code_of(Api(text).get(ORDERS)) == "request.missing_scope"


def test_key_of_no_environment_signs_nothing(signer: Signer) -> None:
    _key, text = create_api_key(
        actor=None,
        owner_id=signer.owner.pk,
        organization_id=signer.organization.pk,
        name="",
        scopes=["orders:read", "tokens:public"],
    )
    assert code_of(Api(text).post(SIGN, {})) == "apiauth.environment_required"


def test_each_fault_has_its_code(signer: Signer) -> None:
    good = signer.sign()
    secret = signer.secret()
    past = datetime.now(UTC) - timedelta(seconds=1)
    assert refusal(signer.forge(secret, exp=past)) == "apiauth.public_token_expired"
    assert refusal(good[:-4] + "AAAA") == "apiauth.public_token_signature_invalid"
    faults: list[dict[str, Any]] = [
        *({"aud": "other"}, {"iss": "other"}, {"sub": str(uuid4())}, {"sub": "no-uuid"}, {"jti": "no-uuid"}),
        *({name: None} for name in ("iss", "aud", "sub", "iat", "exp", "jti", "scopes")),
        *({"scopes": 5}, {"buyer": 5}, {"buyer": ["customer-1"]}),
    ]
    for changes in faults:
        assert refusal(signer.forge(secret, **changes)) == "apiauth.public_token_claim_invalid", changes
    assert Api(good).get(WHOAMI).status_code == 200


def test_fault_is_told_to_nobody_who_cannot_sign(signer: Signer) -> None:
    signer.sign()
    past = datetime.now(UTC) - timedelta(days=1)
    for changes in ({"exp": past}, {"aud": "other"}, {"sub": "x"}, {}):
        text = signer.forge("x" * 43, **changes)
        assert refusal(text) == "apiauth.public_token_signature_invalid"


def _unsigned(signer: Signer, algorithm: str, signature: str = "") -> str:
    def part(value: dict[str, Any]) -> str:
        text = json.dumps(value, default=lambda moment: int(moment.timestamp())).encode()
        return base64.urlsafe_b64encode(text).rstrip(b"=").decode()

    header = {"alg": algorithm, "typ": "JWT", "kid": str(signer.key.pk)}
    return f"{part(header)}.{part(signer.claims())}.{signature}"


@pytest.mark.parametrize("algorithm", ["none", "None", "RS256", "HS512", "ES256", ""])
def test_other_algorithm_is_refused_whatever_the_token_says(signer: Signer, algorithm: str) -> None:
    signer.sign()
    for signature in ("", "AAAA"):
        assert refusal(_unsigned(signer, algorithm, signature)) == "request.unauthenticated"


def test_right_secret_under_another_algorithm_is_refused(signer: Signer) -> None:
    signer.sign()
    text = jwt.encode(
        signer.claims(), signer.secret() * 2, algorithm="HS512", headers={"kid": str(signer.key.pk)}
    )
    assert refusal(text) == "request.unauthenticated"


def test_key_of_another_tenant_signs_for_nobody_but_its_own(signer: Signer) -> None:
    other = build_signer()
    signer.sign()
    other.sign()
    as_other = signer.forge(signer.secret(), kid=str(other.key.pk), sub=str(other.key.environment_id))
    assert refusal(as_other) == "apiauth.public_token_signature_invalid"
    for_other = signer.forge(signer.secret(), sub=str(other.key.environment_id))
    assert refusal(for_other) == "apiauth.public_token_claim_invalid"


@pytest.mark.parametrize("kid", ["nonsense", "", pytest.param(str(uuid4()), id="unknown"), 5, "../../etc"])
def test_key_that_is_nowhere_is_told_like_no_key(signer: Signer, kid: object) -> None:
    secret = "x" * 43
    claims = signer.claims()
    if isinstance(kid, int):
        part = [{"alg": "HS256", "typ": "JWT", "kid": kid}, {"sub": "x"}]
        texts = [base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode() for value in part]
        assert refusal(".".join([*texts, "AAAA"])) == "request.unauthenticated"
    else:
        text = jwt.encode(claims, secret, algorithm="HS256", headers={"kid": kid})
        assert refusal(text) == "request.unauthenticated"
    # One that has signed nothing yet has no secret.
    assert refusal(signer.forge(secret)) == "request.unauthenticated"


def test_revoked_key_ends_its_tokens_at_once(signer: Signer) -> None:
    text = signer.sign()
    assert Api(text).get(WHOAMI).status_code == 200
    revoke_api_key(actor=None, key_id=signer.key.pk)
    assert refusal(text) == "request.unauthenticated"


@pytest.mark.parametrize("loss", ["active", "membership", "group"])
def test_tokens_end_with_what_the_person_behind_their_key_may(signer: Signer, loss: str) -> None:
    text = signer.sign()
    assert Api(text).get(ORDERS).status_code == 200
    if loss == "active":
        User.objects.filter(pk=signer.owner.pk).update(is_active=False)
    elif loss == "membership":
        Membership.objects.filter(user=signer.owner).delete()
    else:
        signer.owner.groups.clear()
        assert code_of(Api(text).get(ORDERS)) == "request.missing_scope"
        return
    assert refusal(text, ORDERS) == "request.unauthenticated"


def test_tokens_of_a_replaced_key_work_through_its_grace(signer: Signer) -> None:
    text = signer.sign()
    new, new_text = rotate_api_key(actor=None, key_id=signer.key.pk)
    after = Signer(key=new, text=new_text, owner=signer.owner, organization=signer.organization).sign()
    assert [Api(each).get(WHOAMI).status_code for each in (text, after)] == [200, 200]
    assert key_id_of(after) == new.pk
    ApiKey.objects.filter(pk=signer.key.pk).update(expires_at=Now())
    assert refusal(text) == "request.unauthenticated"
    assert Api(after).get(WHOAMI).status_code == 200


def test_token_lives_no_longer_than_its_key(signer: Signer) -> None:
    soon = datetime.now(UTC) + timedelta(minutes=3)
    ApiKey.objects.filter(pk=signer.key.pk).update(expires_at=soon)
    body = jwt.decode(signer.sign(expires_in_seconds=3600), options={"verify_signature": False})
    assert body["exp"] == int(soon.timestamp())


# --- What is kept and told ------------------------------------------------------------------------


def test_secret_and_token_are_in_no_log_and_no_audit_row(
    signer: Signer, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        text = signer.sign()
        Api(text).get(WHOAMI)
        Api(text[:-4] + "AAAA").get(WHOAMI)
        assert code_of(Api(signer.text).get(f"{WHOAMI}?x={text}")) == "request.key_in_url"
    kept = caplog.text + "".join(json.dumps(row, default=str) for row in AuditEvent.objects.values())
    for hidden in (text, text.rpartition(".")[2], signer.secret()):
        assert hidden not in kept
    signed = AuditEvent.objects.get(action="apiauth.public_token_signed")
    assert (signed.subject_id, signed.data["scopes"]) == (
        str(signer.key.pk),
        ["inventory:read", "orders:read"],
    )


def test_first_tokens_at_once_share_one_secret(signer: Signer) -> None:
    texts = race([signer.sign] * 4)
    assert [Api(str(text)).get(WHOAMI).status_code for text in texts] == [200] * 4
    assert AuditEvent.objects.filter(action="secretstore.secret_set").count() == 1


@pytest.mark.pure
def test_what_is_signed_is_read_back() -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    claims = Claims(
        environment_id=uuid4(),
        buyer="customer-1",
        scopes=frozenset({"orders:read"}),
        jti=uuid4(),
        issued_at=now,
        expires_at=now + timedelta(minutes=1),
        one_time=True,
    )
    key_id, secret = uuid4(), "s" * 43
    text = sign(claims, key_id=key_id, secret=secret)
    assert (key_id_of(text), verify(text, secret=secret)) == (key_id, claims)
