"""Credentials that a cluster must reject."""

from __future__ import annotations

import base64
import datetime
import json

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import NameOID

import lab.kubernetes
from lab.kubernetes import layout


def expired_token() -> str:
    """The service account's token as it was an hour after its end: signed by the cluster itself."""
    return token_until(datetime.datetime.now(datetime.timezone.utc).timestamp() - 3600)


def token_until(end: float) -> str:
    """The service account's token as if it ended at ``end``, in seconds of the epoch."""
    header, claims, _ = lab.kubernetes.endpoint().capture_token_file.read_text().strip().split(".")
    content = json.loads(base64.urlsafe_b64decode(claims + "=="))
    ended = int(end)
    claims = _encoded(json.dumps(content | {"iat": ended - 60, "nbf": ended - 60, "exp": ended}).encode())
    return f"{header}.{claims}.{_encoded(_signature(f'{header}.{claims}'.encode()))}"


def unknown_authority() -> str:
    """The certificate of an authority that is unknown to the cluster."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "unknown")])
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    constraint = x509.BasicConstraints(ca=True, path_length=None)
    certificate = builder.add_extension(constraint, critical=True).sign(key, hashes.SHA256())
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _signature(content: bytes) -> bytes:
    key = serialization.load_pem_private_key((layout.pki_dir() / "sa.key").read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    r, s = decode_dss_signature(key.sign(content, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
