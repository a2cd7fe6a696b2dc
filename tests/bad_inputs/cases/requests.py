"""Requests that are refused on every endpoint that they can be sent to, whatever is in the database."""

from tests.bad_inputs.cases.rows import MISSING, As, Case, On, Sent
from tests.bad_inputs.surface import Endpoint, Kind, answer_fields

_UUID = "01890a5d-ac96-774b-bcce-b302099a8057"
_BODY = b'{"a": 1}'


def _queries(*texts: str) -> tuple[Sent, ...]:
    return tuple(Sent(label=text[:30], query=text) for text in texts)


def _keys(*values: str) -> tuple[Sent, ...]:
    return tuple(Sent(label=repr(value[:20]), headers={"Idempotency-Key": value}) for value in values)


def _ids(*values: str) -> tuple[Sent, ...]:
    return tuple(Sent(label=value[:30], object_id=value) for value in values)


def _strangers(endpoint: Endpoint) -> list[Sent]:
    inner = (Kind.OBJECT, Kind.LINE)
    places = ["", *(field.pointer for field in endpoint.good.fields if field.kind in inner)]
    return [
        Sent(label=name[:20], change=((f"{place}/{name}", value),), pointer=f"{place}/{name[:64]}")
        for place in places
        for name, value in (("is_paid", True), ("__class__", {}), ("", 1), ("x" * 300, None))
    ]


def _fields_of_the_answer(endpoint: Endpoint) -> list[Sent]:
    own = {field.pointer.split("/")[1] for field in endpoint.good.fields}
    return [
        Sent(label=name, change=((f"/{name}", 1),), pointer=f"/{name}")
        for name in sorted(answer_fields(endpoint) - own)
    ]


def _omissions(endpoint: Endpoint) -> list[Sent]:
    return [
        Sent(label=field.pointer, change=((field.pointer, MISSING),), pointer=field.pointer)
        for field in endpoint.good.fields
        if field.required
    ]


def _nulls(endpoint: Endpoint) -> list[Sent]:
    return [
        Sent(label=field.pointer, change=((field.pointer, None),), pointer=field.pointer)
        for field in endpoint.good.fields
    ]


def _several(endpoint: Endpoint) -> list[Sent]:
    first = next(field.pointer for field in endpoint.good.fields if field.required)
    return [Sent(label="null and unknown", change=((first, None), ("/nonsense", 1)), pointer="*")]


def _other_methods(endpoint: Endpoint) -> list[Sent]:
    own = endpoint.view.required_scopes
    names = ("PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW")
    return [Sent(label=name, method=name) for name in names if name not in own]


REQUESTS = (
    Case(
        id="A05",
        what="another charset than UTF-8",
        on=On.POST,
        sent=tuple(
            Sent(label=name, body=b"{}", content_type=f"application/json; charset={name}")
            for name in ("utf-16", "latin-1", "nonsense")
        ),
        status=400,
        code="request.json_syntax",
    ),
    Case(
        id="A07",
        what="a body over the limit",
        on=On.POST,
        sent=(
            Sent(label="1 MB and a byte", body=b" " * (1024 * 1024 + 1)),
            Sent(label="3 MB", body=b"x" * 3_000_000),
        ),
        status=413,
        code="request.body_too_large",
    ),
    Case(
        id="A08",
        what="no JSON by its own account",
        on=On.POST,
        sent=(
            *(
                Sent(label=kind or "none", body=_BODY, content_type=kind)
                for kind in (
                    "application/xml",
                    "application/x-www-form-urlencoded",
                    "multipart/form-data; boundary=x",
                    "text/plain",
                    "application/jsonp",
                    "",
                )
            ),
            Sent(label="compressed", body=_BODY, headers={"Content-Encoding": "gzip"}),
        ),
        status=415,
        code="request.unsupported_media_type",
        answers={"Accept-Post": "application/json"},
    ),
    Case(
        id="A09",
        what="a field that does not exist",
        on=On.POST,
        sent=_strangers,
        status=400,
        code="request.unknown_field",
    ),
    Case(
        id="A10",
        what="a field that only the server sets",
        on=On.POST,
        sent=_fields_of_the_answer,
        status=400,
        code="request.read_only_field",
    ),
    Case(
        id="A50",
        what="a required field missing",
        on=On.BODY,
        sent=_omissions,
        status=400,
        code="request.required_field",
    ),
    Case(
        id="A51",
        what="null where a value must be",
        on=On.BODY,
        sent=_nulls,
        status=400,
        code="request.null_not_allowed",
    ),
    Case(
        id="A55",
        what="several things wrong at once",
        on=On.BODY,
        sent=_several,
        status=400,
        code="request.invalid",
    ),
    Case(
        id="A19",
        what="an address whose id is none",
        on=On.ID,
        sent=_ids(
            "1",
            "10000000000000000000000",
            "%00",
            "..%2f",
            "1%20OR%201=1",
            f"%7B{_UUID}%7D",
            f"urn:uuid:{_UUID}",
            _UUID.replace("-", ""),
            _UUID,
            "00000000-0000-0000-0000-000000000000",
        ),
        status=404,
        code="request.not_found",
    ),
    Case(
        id="A21",
        what="a limit out of range",
        on=On.LIST,
        sent=_queries(
            *(f"limit={value}" for value in ("0", "-1", "201", "1000000000", "abc", "", "1e1", "٣", "9" * 30))
        ),
        status=400,
        code="request.limit_out_of_range",
        pointer="limit",
    ),
    Case(
        id="A21",
        what="a cursor that the list did not give out",
        on=On.LIST,
        sent=_queries(
            *(f"cursor={value}" for value in ("x", "", "a:b", "%00", "x" * 2000, "eyJkIjoiZiJ9:abc"))
        ),
        status=400,
        code="request.invalid_cursor",
        pointer="cursor",
    ),
    Case(
        id="A22",
        what="an ordering",
        on=On.LIST,
        sent=_queries("ordering=password", "ordering=-secret__ciphertext", "ordering=id;drop"),
        status=400,
        code="request.unknown_filter",
        pointer="ordering",
    ),
    Case(
        id="A23",
        what="a lookup of the ORM as a parameter",
        on=On.EVERY,
        sent=_queries("_connector=OR"),
        status=400,
        code="request.unknown_filter",
        pointer="_connector",
    ),
    Case(
        id="A23",
        what="a lookup of the ORM as a parameter",
        on=On.EVERY,
        sent=_queries("owner__is_superuser=1"),
        status=400,
        code="request.unknown_filter",
        pointer="owner__is_superuser",
    ),
    Case(
        id="A23",
        what="a lookup of the ORM as a parameter",
        on=On.EVERY,
        sent=_queries("status__regex=(a%2B)%2B$"),
        status=400,
        code="request.unknown_filter",
        pointer="status__regex",
    ),
    Case(
        id="A24",
        what="a parameter twice",
        on=On.LIST,
        sent=_queries("limit=1&limit=1", "limit=1&limit=2"),
        status=400,
        code="request.duplicate_parameter",
        pointer="limit",
    ),
    Case(
        id="A29",
        what="an Idempotency-Key that is none",
        on=On.WRITE,
        sent=_keys("", "x" * 256, "a b", "a,b", "käse", "a\x7f", "a\tb", " "),
        status=400,
        code="request.idempotency_key_invalid",
    ),
    Case(
        id="A36",
        what="a method that the address does not have",
        on=On.EVERY,
        sent=_other_methods,
        status=405,
        code="request.method_not_allowed",
    ),
    Case(
        id="A38",
        what="a host name that is not served",
        on=On.EVERY,
        sent=tuple(
            Sent(label=name, headers={"Host": name})
            for name in ("evil.example", "evil.example:80", "localhost.evil.example", "a b", "[::")
        ),
        status=400,
        code="request.bad_request",
    ),
    Case(
        id="A39",
        what="no key, or none that opens anything",
        on=On.EVERY,
        sent=(
            Sent(label="absent"),
            *(
                Sent(label=value[:24], headers={"Authorization": value})
                for value in (
                    "Bearer nonsense",
                    "Bearer ",
                    "Bearer",
                    "Basic dXNlcjpwYXNz",
                    "Bearer holo_org_AAAAAAAA" + "0" * 28,
                    "Bearer \x00",
                    "Bearer " + "x" * 5000,
                )
            ),
        ),
        status=401,
        code="request.unauthenticated",
        caller=As.NOBODY,
        answers={"WWW-Authenticate": 'Bearer realm="holo"'},
    ),
    Case(
        id="A40",
        what="a key in the address",
        on=On.EVERY,
        sent=_queries("api_key=abc", "access_token=abc", "Authorization=x", "x=holo_org_AAAAAAAA" + "0" * 28),
        status=401,
        code="request.key_in_url",
    ),
    Case(
        id="A41",
        what="a key without the scope",
        on=On.EVERY,
        sent=(Sent(label="another scope"),),
        status=403,
        code="request.missing_scope",
        caller=As.NARROW,
    ),
    Case(
        id="A42",
        what="an object of another organisation",
        on=On.OWNED,
        sent=(Sent(label="all scopes"),),
        status=404,
        code="request.not_found",
        caller=As.STRANGER,
    ),
    Case(
        id="A57",
        what="a body without a length",
        on=On.POST,
        sent=(Sent(label="chunked", headers={"Transfer-Encoding": "chunked"}, body=b""),),
        status=411,
        code="request.length_required",
    ),
    Case(
        id="A58",
        what="a session without its CSRF token",
        on=On.WRITE,
        sent=(Sent(label="no token"), Sent(label="a wrong token", headers={"X-CSRFToken": "a" * 32})),
        status=403,
        code="request.csrf_failed",
        caller=As.SESSION,
    ),
    Case(
        id="A83",
        what="a write that another site makes a browser send",
        on=On.WRITE,
        sent=tuple(
            Sent(label=site, headers={"Sec-Fetch-Site": site, "Origin": "https://shop.example"})
            for site in ("cross-site", "same-site", "")
        ),
        status=403,
        code="request.cross_site",
        caller=As.SESSION,
    ),
    Case(
        id="A59",
        what="an organisation that is not the caller's",
        on=On.EVERY,
        sent=tuple(
            Sent(label=repr(name), headers={"X-Organization": name}) for name in ("no-such", "", "x" * 500)
        ),
        status=400,
        code="request.organization_unknown",
    ),
    Case(
        id="A60",
        what="no word on which of the caller's organisations is meant",
        on=On.READ,
        sent=(Sent(label="no header"),),
        status=400,
        code="request.organization_required",
        caller=As.SEVERAL,
    ),
    Case(
        id="A61",
        what="a caller who belongs to no organisation",
        on=On.READ,
        sent=(Sent(label="no membership"),),
        status=403,
        code="request.forbidden",
        caller=As.NOWHERE,
    ),
)
