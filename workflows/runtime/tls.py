"""TLS between this process and Temporal, with its own certificate where the server asks for one (mTLS)."""

from pathlib import Path

from django.conf import settings
from temporalio.service import TLSConfig


def tls_config() -> TLSConfig | bool:
    """Return how to connect; False without TLS. Files are read each time. Raises OSError."""
    if not settings.TEMPORAL_TLS:
        return False
    return TLSConfig(
        server_root_ca_cert=_content_of(settings.TEMPORAL_TLS_SERVER_CA_CERT_PATH),
        client_cert=_content_of(settings.TEMPORAL_TLS_CLIENT_CERT_PATH),
        client_private_key=_content_of(settings.TEMPORAL_TLS_CLIENT_KEY_PATH),
        domain=settings.TEMPORAL_TLS_SERVER_NAME or None,
    )


def _content_of(path: str) -> bytes | None:
    return Path(path).read_bytes() if path else None
