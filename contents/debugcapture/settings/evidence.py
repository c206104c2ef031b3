"""Settings of the evidence server."""

from dataclasses import dataclass
from typing import ClassVar

from .declare import DAY_S, Group, setting

_NETWORK = r"[0-9a-fA-F:.]+(/\d{1,3})?"


@dataclass(frozen=True, kw_only=True)
class EvidenceServerSettings(Group):
    """Where the evidence server listens, who may use it, and what it logs."""

    title: ClassVar[str] = "Evidence server"

    evidence_listen: str = setting(
        "127.0.0.1:8791",
        "Listen on",
        "IP address and port, for example 127.0.0.1:8791 or [::1]:8791. The server uses plain HTTP. If it "
        "listens on an address other than loopback, put a proxy with TLS in front of it.",
        pattern=r"(\d{1,3}(\.\d{1,3}){3}|\[[0-9a-fA-F:.]+\]):\d{1,5}",
        allowed="an IP address and a port, with IPv6 addresses in brackets",
        required=True,
    )
    user_header: str = setting(
        "",
        "Header with the user",
        "Name of the header in which your proxy passes the user that it has authenticated, for example "
        "X-Forwarded-Email from oauth2-proxy. Blank: only the token is accepted.",
        pattern=r"[A-Za-z0-9-]{1,64}",
        allowed="letters, digits and dashes",
    )
    trusted_proxies: str = setting(
        "127.0.0.1,::1",
        "Addresses of the proxy",
        "IP addresses or networks, separated by commas. The header with the user counts only in requests from them.",
        pattern=rf"{_NETWORK}( *, *{_NETWORK})*",
        allowed="IP addresses or networks, separated by commas",
    )
    evidence_token: str = setting(
        "",
        "Token of the evidence server",
        "Programs send it as a bearer token. At least 16 characters, for example from `openssl rand -hex 32`. "
        "Blank: only users of the proxy are accepted.",
        pattern=r"[\x21-\x7e]{16,512}",
        allowed="at least 16 characters, without spaces",
        secret=True,
    )
    redirect_valid_s: int = setting(
        900,
        "Lifetime of its links (s)",
        "The server signs a link for each request. The link works for this time.",
        least=120,
        most=7 * DAY_S,
    )
    access_log: str = setting(
        "",
        "Access log",
        "File that gets one line of JSON per request: what was served, to whom, and when. Blank: standard output.",
        pattern=r"/[^\0\n]+",
        allowed="an absolute path",
    )
