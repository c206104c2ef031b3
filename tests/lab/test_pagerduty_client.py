"""The client and the simulator: one note from start to end, with each kind of key, and through an outage."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from debugcapture.errors import BadInput, NoteNotSent
from debugcapture.pagerduty.api import Access, PagerDuty
from debugcapture.pagerduty.outbox import FOLDER, Note, Outbox
from lab.pagerduty.account import SENDER, Keys
from lab.pagerduty.server import server
from tests.simulator import simulator

INCIDENT, MARK = "Q1CHECKOUT0001", "[debug-capture x]"


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    state = tmp_path / "pagerduty"
    state.mkdir()
    listening = server(state, 0)
    thread = threading.Thread(target=listening.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{listening.server_address[1]}"
    listening.shutdown()
    thread.join()
    listening.server_close()


def account(url: str, keys: Keys, kind: str = "user") -> PagerDuty:
    return PagerDuty(Access(url, getattr(keys, kind), "" if kind == "user" else SENDER), lambda _: None)


def notes(url: str, keys: Keys) -> list[dict[str, Any]]:
    notes: list[dict[str, Any]] = account(url, keys).client.send("GET", f"/incidents/{INCIDENT}/notes").json()["notes"]
    return notes


@pytest.mark.parametrize("kind", ["account", "user", "bearer"])
def test_one_note_is_edited_in_place(kind: str, url: str, tmp_path: Path) -> None:
    keys = Keys.load(tmp_path / "pagerduty" / "keys.json")
    client = account(url, keys, kind)
    results = [client.annotate(INCIDENT, MARK, f"{text} {MARK}") for text in ("capturing", "complete", "complete")]
    assert results == ["added", "edited", "already exists"]
    (note,) = notes(url, keys)
    assert note["content"] == f"complete {MARK}"


def test_a_private_authority_is_trusted_when_it_is_configured(tmp_path: Path) -> None:
    certificate, key = self_signed()
    (tmp_path / "tls.pem").write_text(key + certificate)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(tmp_path / "tls.pem")
    with simulator(tmp_path / "pagerduty", tls) as pagerduty:
        with pytest.raises(NoteNotSent, match="CERTIFICATE_VERIFY_FAILED"):
            PagerDuty(Access(pagerduty.url, pagerduty.keys.user), lambda _: None).annotate(
                INCIDENT, MARK, MARK, tries=1
            )
        assert (
            PagerDuty(Access(pagerduty.url, pagerduty.keys.user, ca=certificate)).annotate(INCIDENT, MARK, MARK)
            == "added"
        )


@pytest.mark.parametrize("ca", ["x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_invalid_certificate_is_reported(ca: str) -> None:
    with pytest.raises(BadInput, match="invalid pagerduty_ca"):
        PagerDuty(Access("https://127.0.0.1", "t", ca=ca))


def self_signed() -> tuple[str, str]:
    """A certificate for this machine that signs itself, and its key, in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "own authority")])
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = builder.add_extension(address, critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    certificate = builder.sign(key, hashes.SHA256())
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), secret.decode()


def test_a_note_waits_for_the_end_of_an_outage(url: str, tmp_path: Path) -> None:
    keys = Keys.load(tmp_path / "pagerduty" / "keys.json")
    down = PagerDuty(Access("http://127.0.0.1:9", keys.user), lambda _: None)
    with pytest.raises(NoteNotSent, match="the next run sends it"):
        Outbox(tmp_path, down, print).send(Note(url, INCIDENT, MARK, f"first {MARK}"))
    Outbox(tmp_path, account(url, keys), print).send(Note(url, INCIDENT, "[y]", "second [y]"))
    assert [note["content"] for note in notes(url, keys)] == ["second [y]", f"first {MARK}"]
    assert list((tmp_path / FOLDER).iterdir()) == []
