"""Keys and certificates of the cluster, created once: a certificate authority, and a certificate per daemon."""

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lab.kubernetes import layout

_VALID_FOR = datetime.timedelta(days=3650)
_LOCAL_NAMES = ("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc")
_LOCAL_ADDRESSES = ("127.0.0.1", layout.SERVICE_ADDRESS)


@dataclass(frozen=True)
class Subject:
    """The subject of a certificate. The organization is the Kubernetes group."""

    file: str
    name: str
    group: str | None = None
    serves: bool = False


SUBJECTS = (
    Subject("apiserver", "kube-apiserver", serves=True),
    Subject("etcd", "etcd", serves=True),
    Subject("apiserver-kubelet", "kube-apiserver-kubelet-client", "system:masters"),
    Subject("admin", "admin", "system:masters"),
    Subject("controller-manager", "system:kube-controller-manager"),
    Subject("scheduler", "system:kube-scheduler"),
    Subject("kubelet", f"system:node:{layout.NODE}", "system:nodes", serves=True),
)


def ensure_pki() -> None:
    """Create missing certificates. A new authority requires new certificates."""
    folder = layout.pki_dir()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    authority = Authority(folder)
    for subject in SUBJECTS:
        authority.ensure(subject)
    _ensure_service_account_keys(folder)


class Authority:
    """Signs the certificates of the cluster."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        if not (folder / "ca.crt").exists():
            self._create_authority()
        self._certificate = x509.load_pem_x509_certificate((folder / "ca.crt").read_bytes())
        self._key = _load_key(folder / "ca.key")

    def ensure(self, subject: Subject) -> None:
        """Write FILE.key and FILE.crt unless they exist."""
        target = self._folder / f"{subject.file}.crt"
        if target.exists():
            return
        key = ec.generate_private_key(ec.SECP256R1())
        _write_key(self._folder / f"{subject.file}.key", key)
        certificate = _leaf(subject, key, self._certificate).sign(self._key, hashes.SHA256())
        _write_certificate(target, certificate)

    def _create_authority(self) -> None:
        for old in self._folder.glob("*.crt"):
            old.unlink()
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name("debug-capture-lab", None)
        builder = _builder(name, name, key).add_extension(x509.BasicConstraints(True, None), critical=True)
        _write_key(self._folder / "ca.key", key)
        _write_certificate(self._folder / "ca.crt", builder.sign(key, hashes.SHA256()))


def _leaf(subject: Subject, key: ec.EllipticCurvePrivateKey, issuer: x509.Certificate) -> x509.CertificateBuilder:
    builder = _builder(_name(subject.name, subject.group), issuer.subject, key)
    uses = [ExtendedKeyUsageOID.CLIENT_AUTH]
    if subject.serves:
        uses.append(ExtendedKeyUsageOID.SERVER_AUTH)
        builder = builder.add_extension(_local_names(), critical=False)
    return builder.add_extension(x509.ExtendedKeyUsage(uses), critical=False)


def _local_names() -> x509.SubjectAlternativeName:
    names: list[x509.GeneralName] = [x509.DNSName(name) for name in _LOCAL_NAMES]
    names += [x509.IPAddress(ipaddress.ip_address(address)) for address in _LOCAL_ADDRESSES]
    return x509.SubjectAlternativeName(names)


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.timezone.utc)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + _VALID_FOR)
    )


def _name(common_name: str, group: str | None) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if group:
        parts.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, group))
    return x509.Name(parts)


def _ensure_service_account_keys(folder: Path) -> None:
    if (folder / "sa.pub").exists():
        return
    key = ec.generate_private_key(ec.SECP256R1())
    _write_key(folder / "sa.key", key)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    (folder / "sa.pub").write_bytes(public)


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    path.touch(mode=0o600)
    path.write_bytes(pem)


def _load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    return cast(ec.EllipticCurvePrivateKey, key)


def _write_certificate(path: Path, certificate: x509.Certificate) -> None:
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
