"""Entity tags: another body has another tag, a 304 has the headers of its 200, HEAD those of GET."""

from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from holo.common.api.etags import etag_of, names_etag
from holo.identity.models import User
from holo.identity.roles import Role
from holo.identity.services import create_project
from orders.models import Order, OrderEvent
from tests.api.people import Api, build_key
from tests.identity.people import Team, build_team
from tests.stories import PHONE, Shop, build_shop

OF_THE_BODY = {"Content-Type", "Content-Length", "Content-Language"}
# Counted or made anew for each request.
OF_THE_REQUEST = {"X-Request-ID", "RateLimit", "X-RateLimit-Remaining", "X-RateLimit-Reset"}


@pytest.fixture
def shop(db: None) -> Shop:
    """A shop with stock."""
    return build_shop()


def client_of(person: User, shop: Shop, *scopes: str) -> Client:
    return Api(build_key(owner=person, organization=shop.organization, scopes=scopes)).client


def names(answer: Any) -> set[str]:
    return set(answer.headers) - OF_THE_BODY


@pytest.fixture
def seller(shop: Shop) -> Client:
    """A client that reads orders."""
    shop.seller.groups.add(Group.objects.get(name="operator"))
    return client_of(shop.seller, shop, "orders:read")


def test_a_304_has_the_headers_of_its_200_and_head_those_of_get(shop: Shop, seller: Client) -> None:
    path = f"/api/v1/orders/{shop.place(PHONE).pk}"
    whole = seller.get(path)
    head = seller.head(path)
    unchanged = seller.get(path, headers={"If-None-Match": whole["ETag"]})
    assert (whole.status_code, head.status_code, unchanged.status_code) == (200, 200, 304)
    assert unchanged.content == head.content == b""
    assert names(unchanged) == names(whole) == names(head)
    for name in names(whole) - OF_THE_REQUEST:
        assert unchanged[name] == whole[name] == head[name], name
    assert whole["Cache-Control"] == "private, no-cache"
    assert head["Content-Length"] == whole["Content-Length"]
    assert "Content-Type" not in unchanged.headers
    assert {name.strip() for name in whole["Vary"].split(",")} >= {
        "Authorization",
        "Accept-Language",
        "Cookie",
        "X-Organization",
    }


def test_head_can_be_answered_unchanged(shop: Shop, seller: Client) -> None:
    path = f"/api/v1/orders/{shop.place(PHONE).pk}"
    tag = seller.get(path)["ETag"]
    assert seller.head(path, headers={"If-None-Match": f'"other", W/{tag}'}).status_code == 304
    assert seller.head(path, headers={"If-None-Match": '"other"'}).status_code == 200


def test_the_tag_changes_with_what_is_shown_though_the_version_stays(shop: Shop, seller: Client) -> None:
    order = shop.place(PHONE)
    path = f"/api/v1/orders/{order.pk}"
    before, erased = seller.get(path), "deleted-1@deleted.invalid"
    assert Order.objects.filter(pk=order.pk).update(buyer=erased) == 1
    after = seller.get(path, headers={"If-None-Match": before["ETag"]})
    assert (after.status_code, after.json()["version"]) == (200, before.json()["version"])
    assert after["ETag"] != before["ETag"]
    assert after.content != before.content


def test_the_same_body_keeps_its_tag(shop: Shop, seller: Client) -> None:
    order = shop.place(PHONE)
    path = f"/api/v1/orders/{order.pk}"
    assert seller.get(path)["ETag"] == seller.get(path)["ETag"]
    assert OrderEvent.objects.filter(order=order).exists()


@pytest.mark.parametrize("sent", ["garbage", '"', 'W/"', ",", '"a","b', "W/*", "\x00"])
def test_a_malformed_if_none_match_is_no_condition(shop: Shop, seller: Client, sent: str) -> None:
    path = f"/api/v1/orders/{shop.place(PHONE).pk}"
    assert seller.get(path, headers={"If-None-Match": sent}).status_code == 200


def test_a_refusal_has_no_tag_and_is_not_kept(shop: Shop, seller: Client) -> None:
    absent = "/api/v1/orders/00000000-0000-7000-8000-000000000000"
    refused = seller.get(absent, headers={"If-None-Match": "*"})
    assert (refused.status_code, refused["Cache-Control"]) == (404, "no-store")
    assert "ETag" not in refused.headers


def test_what_can_be_changed_has_a_tag_of_its_content(db: None) -> None:
    team: Team = build_team()
    owner = team.people[Role.OWNER]
    create_project(actor=team.actor(Role.OWNER), slug="shop", name="Shop")
    scopes = ["organization:read", "organization:write"]
    client = Api(build_key(owner=owner, organization=team.organization, scopes=scopes)).client
    for path in ("/api/v1/projects/shop", f"/api/v1/members/{owner.pk}"):
        answer = client.get(path)
        assert answer["ETag"] == etag_of(answer.content, media_type=answer["Content-Type"])
        assert client.get(path, headers={"If-None-Match": answer["ETag"]}).status_code == 304
    tag = client.get("/api/v1/projects/shop")["ETag"]
    client.patch("/api/v1/projects/shop", '{"name": "Other"}', content_type="application/json")
    assert client.get("/api/v1/projects/shop", headers={"If-None-Match": tag}).status_code == 200


def test_bytes_and_media_type_make_the_tag() -> None:
    tags = {etag_of(b"a"), etag_of(b"b"), etag_of(b"a", media_type="text/csv"), etag_of("ä".encode())}
    assert len(tags) == 4
    assert etag_of(b"a") == etag_of(b"a")


@pytest.mark.parametrize(
    ("header", "weak", "named"),
    [
        ('"x"', True, True),
        ('W/"x"', True, True),
        ('W/"x"', False, False),
        ('"y", "x"', False, True),
        ("*", False, True),
        ("", True, False),
        ("x", True, False),
    ],
)
def test_lists_of_tags_are_compared_as_their_header_asks(header: str, *, weak: bool, named: bool) -> None:
    assert names_etag(header, '"x"', weak=weak) is named
