"""Which proxy leads to the API server. $HTTPS_PROXY and $NO_PROXY mean what they mean for kubectl. Pure.

Only plain HTTP proxies are supported: exec streams cannot use others. The tunnel through them is encrypted.

Source: Go, golang.org/x/net/http/httpproxy, which kubectl uses.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final
from urllib.parse import unquote, urlsplit

from ..errors import BadInput

_HTTP_PORT: Final = 80
_HTTPS_PORT: Final = 443
_REMEDY: Final = "Set an HTTP proxy, such as http://proxy.example.com:3128, in HTTPS_PROXY or proxy-url."


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy that opens tunnels (CONNECT)."""

    host: str
    port: int
    user: str = ""
    password: str = ""

    @property
    def url(self) -> str:
        """Return its URL without user and password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def headers(self) -> dict[str, str]:
        """Return the header that logs in to the proxy; {} if it needs no login."""
        if not self.user:
            return {}
        login = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        return {"proxy-authorization": f"Basic {login}"}


def parse_proxy(url: str) -> Proxy:
    """Return the proxy at ``url``; one without a scheme is an HTTP proxy. Raises BadInput if it is not supported.

    The error does not contain the URL, because it may contain a password.
    """
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        port = parts.port or _HTTP_PORT
    except ValueError:
        raise BadInput("cannot use the proxy", "its URL is not valid", _REMEDY) from None
    if parts.scheme != "http":
        raise BadInput("cannot use the proxy", f"{parts.scheme}:// proxies are not supported", _REMEDY)
    if not parts.hostname:
        raise BadInput("cannot use the proxy", "its URL has no host", _REMEDY)
    return Proxy(parts.hostname, port, unquote(parts.username or ""), unquote(parts.password or ""))


def proxy_of_environment(server: str, environment: Mapping[str, str]) -> Proxy | None:
    """Return the proxy for the URL ``server``; None if there is none, or if $NO_PROXY excludes the server.

    A server on this machine (localhost, a loopback address) never has a proxy.
    """
    url = environment.get("HTTPS_PROXY") or environment.get("https_proxy")
    if not url:
        return None
    parts = urlsplit(server)
    excluded = environment.get("NO_PROXY") or environment.get("no_proxy") or ""
    if _is_excluded((parts.hostname or "").rstrip("."), parts.port or _HTTPS_PORT, excluded):
        return None
    return parse_proxy(url)


def _is_excluded(host: str, port: int, no_proxy: str) -> bool:
    address = _address(host)
    if host == "localhost" or (address and address.is_loopback):
        return True
    entries = (entry.strip().lower() for entry in no_proxy.split(","))
    return any(_matches(entry, host, address, port) for entry in entries if entry)


def _matches(entry: str, host: str, address: IPv4Address | IPv6Address | None, port: int) -> bool:
    """Return whether ``entry`` of $NO_PROXY is the host: "*", an address, a network, or a domain; maybe with a port."""
    if entry == "*":
        return True
    if "/" in entry:
        return address is not None and _is_in_network(address, entry)
    name, required_port = _split_port(entry)
    if required_port not in ("", str(port)):
        return False
    if _address(name):
        return address is not None and address == _address(name)
    domain = name.removeprefix("*") if name.startswith("*.") else name
    return host.endswith(domain) if domain.startswith(".") else host == domain or host.endswith(f".{domain}")


def _is_in_network(address: IPv4Address | IPv6Address, network: str) -> bool:
    try:
        return address in ip_network(network, strict=False)
    except ValueError:
        return False


def _split_port(entry: str) -> tuple[str, str]:
    """Return the host without brackets, and the port, or ""."""
    if entry.startswith("["):
        host, _, rest = entry[1:].partition("]")
        return host, rest.removeprefix(":")
    host, colon, port = entry.rpartition(":")
    return (host, port) if colon and ":" not in host else (entry, "")


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None
