"""Faults before anything is captured: wrong settings, and a cluster that is unreachable or denies access."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lab.kubernetes import layout
from tests.faults.world import World
from tests.rundeck.credentials import expired_token, unknown_authority

_BEHIND_PROXY = "https://kubernetes.default.svc"  # no proxy leads to a loopback address
NOBODY = "127.0.0.1:9"  # nothing listens on this port
_REFUSED = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def shell_in_the_name(world: World) -> None:
    world.change(pod="web; rm -rf /")


def unknown_collector(world: World) -> None:
    world.change(collectors="heapdump")


def no_catalog(world: World) -> None:
    world.change(catalog="/nonexistent/catalog.yaml")


def unknown_store(world: World) -> None:
    world.change(store="ftp://store.example/evidence")


def half_a_key_pair(world: World) -> None:
    world.change(s3_access_key="")


def no_pagerduty_token(world: World) -> None:
    world.change(pagerduty_token="")


def kubeconfig_without_meaning(world: World) -> None:
    file = world.folder / "kubeconfig"
    file.write_text("token: [")
    world.change(kubeconfig=str(file), server="", token="", ca_certificate="")


def pod_that_is_not_there(world: World) -> None:
    world.change(pod="gone")


def container_that_is_not_there(world: World) -> None:
    world.change(container="sidecar")


def nobody_listens(world: World) -> None:
    world.change(server=f"https://{NOBODY}")


def no_such_name(world: World) -> None:
    world.change(server="https://kubernetes.invalid:6443")


def server_that_never_answers(world: World) -> None:
    world.change(server=f"https://127.0.0.1:{world.broken.enter_context(listening(b''))}")


def authority_that_is_unknown(world: World) -> None:
    world.change(ca_certificate=unknown_authority())


def token_that_has_expired(world: World) -> None:
    world.change(token=expired_token())


def proxy_that_is_down(world: World) -> None:
    world.change(server=_BEHIND_PROXY)
    world.environment["HTTPS_PROXY"] = f"http://{NOBODY}"


def proxy_that_wants_a_login(world: World) -> None:
    world.change(server=_BEHIND_PROXY)
    world.environment["HTTPS_PROXY"] = f"http://127.0.0.1:{world.broken.enter_context(listening(_REFUSED))}"


@contextmanager
def listening(answer: bytes) -> Iterator[int]:
    """Yield the port of a server that answers each connection with ``answer``, or never if that is empty."""
    sockets: list[socket.socket] = []
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def accept() -> None:
            with suppress(OSError):  # closed
                while True:
                    connection, _ = server.accept()
                    if answer:
                        connection.recv(65536)
                        connection.sendall(answer)
                        connection.close()
                    else:
                        sockets.append(connection)

        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
    for path in sockets:
        path.close()


@contextmanager
def serving_from_tomorrow(folder: Path) -> Iterator[int]:
    """A TLS server whose certificate, of the cluster's authority, is not valid before tomorrow; yields its port."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(_certificate_from_tomorrow(folder))
    with closing(tls.wrap_socket(socket.create_server(("127.0.0.1", 0)), server_side=True)) as server:

        def accept() -> None:
            while server.fileno() >= 0:
                with suppress(OSError):  # the client does not trust it
                    server.accept()[0].close()

        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def _certificate_from_tomorrow(folder: Path) -> Path:
    authority = x509.load_pem_x509_certificate((layout.pki_dir() / "ca.crt").read_bytes())
    signs = serialization.load_pem_private_key((layout.pki_dir() / "ca.key").read_bytes(), password=None)
    assert isinstance(signs, ec.EllipticCurvePrivateKey)
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(timezone.utc)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kube-apiserver")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(authority.subject)
    builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now + timedelta(days=1)).not_valid_after(now + timedelta(days=2))
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = builder.add_extension(names, critical=False).sign(signs, hashes.SHA256())
    encoding, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    file = folder / "tomorrow.pem"
    secret = key.private_bytes(encoding, serialization.PrivateFormat.TraditionalOpenSSL, plain)
    file.write_bytes(certificate.public_bytes(encoding) + secret)
    return file
