"""Temporal behind TLS that asks for certificates: a client gets in with its own, and not without."""

import asyncio
import datetime
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pytest_django import Settings

from holo.stack.temporal_server import TemporalServer
from workflows.runtime import client
from workflows.runtime.errors import TemporalUnavailableError

NAME = "temporal.test"


class Authority:
    """Signs certificates; each is written to files beside its key."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._sign("authority", self._key, is_authority=True)
        self.path = self._write("authority", self.certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str) -> tuple[str, str]:
        """Return the files of a new certificate and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(name, key, is_authority=False)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return (
            self._write(f"{name}.pem", certificate.public_bytes(serialization.Encoding.PEM)),
            self._write(f"{name}.key", private),
        )

    def _sign(self, name: str, key: ec.EllipticCurvePrivateKey, *, is_authority: bool) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        issuer = "authority" if is_authority else self.certificate.subject.rfc4514_string()[3:]
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(minutes=1))
            .not_valid_after(now + datetime.timedelta(hours=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )

    def _write(self, name: str, content: bytes) -> str:
        path = self.folder / name
        path.write_bytes(content)
        return str(path)


@contextmanager
def tls_in_front_of(address: str, authority: Authority) -> Iterator[str]:
    """End TLS before Temporal, as its frontend does with `requireClientAuth`; yield the address."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue(NAME))
    context.load_verify_locations(authority.path)
    context.verify_mode = ssl.CERT_REQUIRED
    context.set_alpn_protocols(["h2"])
    host, port = address.rsplit(":", 1)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    plain, _peer = listener.accept()
                except OSError:
                    return
                threading.Thread(target=_join, args=(context, plain, (host, int(port))), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def _join(context: ssl.SSLContext, plain: socket.socket, server: tuple[str, int]) -> None:
    with (
        suppress(OSError),
        context.wrap_socket(plain, server_side=True) as inside,
        socket.create_connection(server) as outside,
    ):
        threading.Thread(target=_copy, args=(outside, inside), daemon=True).start()
        _copy(inside, outside)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Whoever signs the certificates of both sides."""
    return Authority(tmp_path / "authority")


@pytest.fixture
def address(temporal: TemporalServer, settings: Settings, authority: Authority) -> Iterator[str]:
    """Temporal behind TLS; the settings name it, and the client's certificate is right."""
    with tls_in_front_of(settings.TEMPORAL_ADDRESS, authority) as found:
        settings.TEMPORAL_ADDRESS, settings.TEMPORAL_TLS = found, True
        settings.TEMPORAL_TLS_SERVER_CA_CERT_PATH = authority.path
        settings.TEMPORAL_TLS_SERVER_NAME = NAME
        settings.TEMPORAL_TLS_CLIENT_CERT_PATH, settings.TEMPORAL_TLS_CLIENT_KEY_PATH = authority.issue(
            "holo"
        )
        yield found


def count_runs() -> Any:
    async def ask() -> Any:
        return (await (await client.connect()).count_workflows()).count

    return asyncio.run(ask())


def test_client_with_its_certificate_gets_in(address: str) -> None:
    assert count_runs() >= 0


def test_client_without_a_certificate_is_refused(address: str, settings: Settings) -> None:
    settings.TEMPORAL_TLS_CLIENT_CERT_PATH = settings.TEMPORAL_TLS_CLIENT_KEY_PATH = ""
    with pytest.raises(TemporalUnavailableError):
        count_runs()


def test_client_with_the_certificate_of_a_stranger_is_refused(
    address: str, settings: Settings, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path / "stranger").issue("holo")
    settings.TEMPORAL_TLS_CLIENT_CERT_PATH, settings.TEMPORAL_TLS_CLIENT_KEY_PATH = stranger
    with pytest.raises(TemporalUnavailableError):
        count_runs()


def test_server_with_the_certificate_of_a_stranger_is_refused(
    address: str, settings: Settings, tmp_path: Path
) -> None:
    settings.TEMPORAL_TLS_SERVER_CA_CERT_PATH = Authority(tmp_path / "stranger").path
    with pytest.raises(TemporalUnavailableError):
        count_runs()


def test_plain_client_is_refused(address: str, settings: Settings) -> None:
    settings.TEMPORAL_TLS = False
    with pytest.raises(TemporalUnavailableError):
        count_runs()
