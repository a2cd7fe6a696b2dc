"""Files of certificates and keys, looked at before a process starts.

A client that cannot read them fails as if the server were away, and would be tried again for ever.
"""

import ssl
from collections.abc import Iterable, Iterator


def faults_of_tls(
    *, is_on: bool, authority: str, certificate: str, key: str, others: Iterable[str]
) -> Iterator[str]:
    """Yield what is wrong with the variables of TLS to Temporal: files that are not used, one of a pair."""
    if not is_on and any((authority, certificate, key, *others)):
        yield "TEMPORAL_TLS_… is set without TEMPORAL_TLS=1"
    if bool(certificate) != bool(key):
        yield "TEMPORAL_TLS_CLIENT_CERT_PATH and TEMPORAL_TLS_CLIENT_KEY_PATH: set both or neither"
    if authority and not are_certificates(authority):
        yield "TEMPORAL_TLS_SERVER_CA_CERT_PATH is not a file of certificates in PEM"
    if certificate and key and not is_pair(certificate, key):
        yield (
            "TEMPORAL_TLS_CLIENT_CERT_PATH and TEMPORAL_TLS_CLIENT_KEY_PATH are not a certificate in PEM"
            " and its key without a passphrase"
        )


def are_certificates(path: str) -> bool:
    """Tell whether a file holds certificates of authorities."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except (OSError, ValueError):
        return False
    return True


def is_pair(certificate: str, key: str) -> bool:
    """Tell whether two files, or one, hold a certificate and its key, which has no passphrase."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate, key, password="")
    except (OSError, ValueError):
        return False
    return True
