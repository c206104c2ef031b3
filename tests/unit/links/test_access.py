"""access.py: who may log in, and the lines of the access log."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import datetime
from http import HTTPStatus
from pathlib import Path

import pytest

from debugcapture.errors import BadInput
from debugcapture.links.access import Access, AccessLog, Denial, Visitor, access_of
from debugcapture.serving.http import Request
from debugcapture.settings.evidence import EvidenceServerSettings

TOKEN = "t0ken-of-sixteen-characters"


def access(**settings: str) -> Access:
    usual = EvidenceServerSettings(evidence_token=TOKEN, user_header="X-Forwarded-User")
    return access_of(replace(usual, **settings))  # type: ignore[arg-type] # all are texts


def request(authorization: str = "", address: str = "127.0.0.1", **headers: str) -> Request:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request("GET", "/c/x", "", authorization, address, names)


def test_a_token_gives_access_from_any_address() -> None:
    assert access().check(request(f"Bearer {TOKEN}", "192.0.2.7")) == Visitor("", "token")


def test_header_of_the_proxy_names_the_user() -> None:
    assert access().check(request(x_forwarded_user="alice")) == Visitor("alice", "proxy")
    assert access().check(request("Basic YTpi", "::1", x_forwarded_user="alice")) == Visitor("alice", "proxy")


@pytest.mark.parametrize("address", ["10.1.2.3", "::ffff:10.1.2.3"])
def test_proxy_can_be_a_network(address: str) -> None:
    own = access(trusted_proxies="10.1.0.0/16, fd00::/8")
    assert own.check(request(address=address, x_forwarded_user="alice")) == Visitor("alice", "proxy")


@pytest.mark.parametrize("address", ["192.0.2.7", "", "unix", "127.0.0.1.example", "2001:db8::1"])
def test_other_clients_cannot_set_a_user(address: str) -> None:
    denial = access().check(request(address=address, x_forwarded_user="alice"))
    assert isinstance(denial, Denial)
    assert denial.status == HTTPStatus.FORBIDDEN


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer ", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer ä"]
)
def test_without_token_and_user_access_is_denied(authorization: str) -> None:
    for rules in (access(), access(evidence_token=""), access(user_header="")):
        denial = rules.check(request(authorization, x_forwarded_user="  ", x_other="alice"))
        assert isinstance(denial, Denial)
        assert denial.status == HTTPStatus.UNAUTHORIZED


def test_with_blank_settings_no_user_can_log_in() -> None:
    only_token = access(user_header="")
    assert isinstance(only_token.check(request(x_forwarded_user="alice")), Denial)
    only_proxy = access(evidence_token="")
    assert isinstance(only_proxy.check(request("Bearer ")), Denial)
    with pytest.raises(BadInput, match="no user could log in"):
        access(user_header="", evidence_token="")


@pytest.mark.parametrize("networks", ["10.0.0.0/33", "10.0.0.1/8", "fe80"])
def test_invalid_network_is_reported(networks: str) -> None:
    with pytest.raises(BadInput, match="cannot use trusted_proxies"):
        access(trusted_proxies=networks)


def test_log_has_a_line_per_request_and_survives_a_rotation(tmp_path: Path) -> None:
    log, file = AccessLog(tmp_path / "access.log", io.BytesIO()), tmp_path / "access.log"
    log.write({"user": 'a"\nb'})
    file.rename(tmp_path / "access.log.1")
    log.write({"user": "c"})
    (first,) = (tmp_path / "access.log.1").read_text().splitlines()
    assert json.loads(first)["user"] == 'a"\nb'
    assert datetime.fromisoformat(json.loads(first)["time"]).tzinfo
    assert json.loads(file.read_text())["user"] == "c"


def test_log_goes_to_standard_output_by_default() -> None:
    output = io.BytesIO()
    AccessLog(None, output).write({"user": "ä"})
    assert json.loads(output.getvalue())["user"] == "ä"
