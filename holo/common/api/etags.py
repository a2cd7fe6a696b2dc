"""Entity tags: what names the bytes of an answer, and the answer to a client that has those bytes already."""

import hashlib

from django.http import HttpRequest, HttpResponseBase
from django.utils.cache import patch_vary_headers
from django.utils.http import parse_etags

# What of a request decides which body it is answered with; the language is added by LocaleMiddleware.
_VARIES_BY = ("Authorization", "Cookie", "X-Organization")
# What describes a body that a 304 does not have (RFC 9110, 15.4.5).
_OF_THE_BODY = ("Content-Type", "Content-Length", "Content-Encoding", "Content-Language")


def etag_of(content: bytes, *, media_type: str = "application/json") -> str:
    """Return the strong entity tag of a body: the same bytes of the same type have the same tag, no others.

    It is made of what is sent and not of a version, so that rights, language, links and rows that belong to
    the object change it as well.
    """
    return f'"{hashlib.sha256(media_type.encode() + b" " + content).hexdigest()[:32]}"'


def names_etag(header: str, etag: str, *, weak: bool) -> bool:
    """Tell whether a list of entity tags (`If-None-Match`, `If-Match`) names `etag`, or anything by `*`.

    `weak`: a proxy that compresses marks its tag `W/`. `If-None-Match` is compared without that mark;
    `If-Match` is not, so that there a weak tag fits nothing (RFC 9110, 8.8.3.2).
    """
    tags = parse_etags(header)
    if tags == ["*"]:
        return True
    if weak:
        return etag.removeprefix("W/") in {tag.removeprefix("W/") for tag in tags}
    return not etag.startswith("W/") and etag in tags


def add_etag(response: HttpResponseBase, *, wanted: bool) -> bool:
    """Give a complete answer the tag of its body if `wanted`; tell whether it has one by now."""
    content = getattr(response, "content", None)
    if wanted and response.status_code == 200 and content is not None:
        media_type = response.headers.get("Content-Type", "")
        response.headers.setdefault("ETag", etag_of(content, media_type=media_type))
    return "ETag" in response.headers and response.status_code < 400


def answer_unchanged(request: HttpRequest, response: HttpResponseBase) -> None:
    """Turn the 200 of a GET or HEAD into a 304 where the client has its body; all other headers stay."""
    if "ETag" not in response.headers or request.method not in ("GET", "HEAD"):
        return
    patch_vary_headers(response, _VARIES_BY)
    known = request.headers.get("If-None-Match", "")
    if response.status_code != 200 or not names_etag(known, response.headers["ETag"], weak=True):
        return
    response.status_code = 304
    response.content = b""  # type: ignore[attr-defined]  # streams have no tag
    for name in _OF_THE_BODY:
        if name in response.headers:
            del response.headers[name]
