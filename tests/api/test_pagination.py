"""Pages by cursor, and the parameters of lists."""

from urllib.parse import quote

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holo.audit.models import AuditEvent
from holo.identity.models import Organization
from tests.api.people import Api, code_of

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.api.sample_urls")]
NOTES = "/api/v1/notes"


def build_notes(names: str) -> None:
    """Create one note of the caller's organisation for each letter."""
    own = Organization.objects.get().pk
    for name in names:
        AuditEvent.objects.create(
            organization_id=own, actor_label="x", action="x", subject_type="sample", subject_id=name
        )


def walk(api: Api, path: str, link: str = "next") -> list[list[str]]:
    """Return the names on each page, following a link to its end."""
    pages = []
    address: str | None = path
    while address:
        body = api.get(address).json()
        pages.append([row["name"] + str(row["id"]) for row in body["results"]])
        address = body[link]
    return pages


def expected() -> list[str]:
    """Return the names in order: by name, newest first among equal ones."""
    return [f"{row.subject_id}{row.pk}" for row in AuditEvent.objects.order_by("subject_id", "-id")]


def test_pages_cover_all_rows_once_in_order(operator: Api) -> None:
    build_notes("bacabbcaab")
    pages = walk(operator, f"{NOTES}?limit=3")
    assert [len(page) for page in pages] == [3, 3, 3, 1]
    assert [name for page in pages for name in page] == [row for row in expected() if row[0] in "abc"]


def test_previous_leads_back_the_same_way(operator: Api) -> None:
    build_notes("bacabbcaab")
    forward = walk(operator, f"{NOTES}?limit=3")
    last = f"{NOTES}?limit=3"
    while (following := operator.get(last).json()["next"]) is not None:
        last = following
    assert walk(operator, last, "previous") == forward[::-1]


def test_rows_added_meanwhile_do_not_shift_the_pages(operator: Api) -> None:
    build_notes("aabb")
    first = operator.get(f"{NOTES}?limit=2").json()
    build_notes("a")
    second = operator.get(first["next"]).json()
    assert [row["name"] for row in first["results"] + second["results"]] == list("aabb")
    assert first["previous"] is None


def test_links_begin_at_the_root_and_keep_the_filters(operator: Api) -> None:
    build_notes("aab")
    body = operator.get(f"{NOTES}?limit=1&name=a").json()
    assert body["next"].startswith("/api/v1/notes?")
    assert "name=a" in body["next"]
    assert "limit=1" in body["next"]


def test_empty_list_has_no_neighbours(operator: Api) -> None:
    assert operator.get(NOTES).json() == {"next": None, "previous": None, "results": []}


def test_filters_narrow(operator: Api) -> None:
    build_notes("abcab")
    assert {row["name"] for row in operator.get(f"{NOTES}?name=b").json()["results"]} == {"b"}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        *(
            (f"limit={value}", "request.limit_out_of_range")
            for value in ("0", "-1", "201", "abc", "", "1e1", "٣")
        ),
        ("limit=" + "9" * 30, "request.limit_out_of_range"),
        *((f"cursor={value}", "request.invalid_cursor") for value in ("x", "", "a:b", "%00", "x" * 2000)),
        *(
            (f"{name}=1", "request.unknown_filter")
            for name in ("ordering", "_connector", "owner__is_superuser", "status__regex", "format", "%00")
        ),
        ("name=a&name=b", "request.duplicate_parameter"),
        ("limit=1&limit=1", "request.duplicate_parameter"),
        ("name=z", "request.invalid_choice"),
        ("above=1_0", "request.invalid_integer"),
        ("above=-1", "request.invalid_integer"),
        ("above=" + "9" * 19, "request.invalid_integer"),
    ],
)
def test_odd_parameter_is_refused(operator: Api, query: str, code: str) -> None:
    response = operator.get(f"{NOTES}?{query}")
    assert (response.status_code, code_of(response)) == (400, code)


def test_cursor_of_another_address_is_refused(operator: Api) -> None:
    build_notes("ab")
    cursor = operator.get(f"{NOTES}?limit=1").json()["next"].partition("cursor=")[2].partition("&")[0]
    other = f"{NOTES}/01890a5d-ac96-774b-bcce-b302099a8057?cursor={cursor}"
    assert code_of(operator.get(other)) == "request.invalid_cursor"


def test_tampered_cursor_is_refused(operator: Api) -> None:
    build_notes("ab")
    address = operator.get(f"{NOTES}?limit=1").json()["next"]
    for place in range(address.index("cursor=") + 7, address.index("cursor=") + 20):
        other = "A" if address[place] != "A" else "B"
        response = operator.get(address[:place] + other + address[place + 1 :])
        assert code_of(response) == "request.invalid_cursor"


# Names of up to the column's 64 characters, as odd as the database takes them.
_NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=64)


@given(
    names=st.lists(
        st.one_of(_NAMES, st.just("\U0001f9ff" * 64), st.sampled_from("+%&=:/?# \n")), min_size=1, max_size=8
    ),
    odd=st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
)
@hypothesis.settings(max_examples=25, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture])
def test_every_cursor_that_was_given_out_is_accepted(operator: Api, names: list[str], odd: str) -> None:
    own = Organization.objects.get().pk
    made = [
        AuditEvent.objects.create(
            organization_id=own, actor_label="x", action="x", subject_type="sample", subject_id=name
        ).pk
        for name in names
    ]
    address = f"{NOTES}?limit=1&above={min(made) - 1}"
    seen = [page[0] for page in walk(operator, address) if page]
    assert sorted(seen) == sorted(f"{name}{pk}" for name, pk in zip(names, made, strict=True))
    assert [page[0] for page in walk(operator, last_of(operator, address), "previous") if page] == seen[::-1]
    refused = operator.get(f"{address}&cursor={quote(odd)}")
    assert code_of(refused) == "request.invalid_cursor"


def last_of(api: Api, address: str) -> str:
    """Return the address of the last page."""
    while (following := api.get(address).json()["next"]) is not None:
        address = following
    return address
