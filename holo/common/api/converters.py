"""Parts of addresses."""

from django.urls.converters import UUIDConverter


class IdConverter(UUIDConverter):
    """A UUID, in letters of either case (RFC 9562, section 4)."""

    regex = "[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
