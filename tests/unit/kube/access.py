"""Kubeconfigs, and the certificates in them."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from debugcapture.kube.auth import Connection, connect
from debugcapture.settings.cluster import ConnectionSettings
from tests.unit.builders import written

NOWHERE = {"KUBECONFIG": "/nonexistent/config"}  # an environment without a cluster


class Pair(NamedTuple):
    certificate: str
    key: str


def self_signed(common_name: str) -> Pair:
    """A self-signed certificate and its key, in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    now = datetime.now(timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Pair(certificate.public_bytes(serialization.Encoding.PEM).decode(), private.decode())


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def config(cluster: dict[str, Any] | None = None, user: dict[str, Any] | None = None) -> dict[str, Any]:
    """A kubeconfig of one context; ``cluster`` is merged over its cluster."""
    return {
        "current-context": "main",
        "contexts": [{"name": "main", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://10.0.0.1:6443", **(cluster or {})}}],
        "users": [{"name": "u", "user": {"token": "t0ken"} if user is None else user}],
    }


def of_content(content: dict[str, Any] | str, **settings: Any) -> Connection:
    text = content if isinstance(content, str) else yaml.safe_dump(content)
    return connect(ConnectionSettings(kubeconfig_content=text, **settings), NOWHERE)


def of_file(folder: Path, content: dict[str, Any], **settings: Any) -> Connection:
    file = written(folder, "config", yaml.safe_dump(content))
    return connect(ConnectionSettings(kubeconfig=str(file), **settings), NOWHERE)
