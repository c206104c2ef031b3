"""Settings of nodes and dropdown values."""

from dataclasses import dataclass
from typing import ClassVar

from .declare import Group, setting


@dataclass(frozen=True, kw_only=True)
class NodesSettings(Group):
    """Which pods become nodes, and their names."""

    title: ClassVar[str] = "Nodes"

    pod_selector: str = setting(
        "",
        "Label selector",
        "Only pods with these labels, for example tier=backend.",
        pattern=r"[\w./,=!() -]+",
        allowed="a label selector in kubectl syntax",
    )
    cluster_name: str = setting(
        "",
        "Cluster name of the nodes",
        "Name of the cluster, if the project has several. It becomes the prefix of the node names, a tag of the nodes, "
        "and their attribute cluster.",
        pattern=r"[A-Za-z0-9-]+",
        allowed="letters, digits and dashes",
    )


@dataclass(frozen=True, kw_only=True)
class ValuesSettings(Group):
    """How many values a dropdown has, and how old they may be."""

    title: ClassVar[str] = "Dropdown values"

    max_values: int = setting(500, "Maximum entries", "Longer lists are truncated.", least=1, most=5000)
    api_timeout_s: int = setting(
        5,
        "Timeout (s)",
        "Time to wait for the API server. After that, the last known list is used, and its labels contain its time.",
        least=1,
        most=30,
    )
    cache_ttl_s: int = setting(
        10,
        "Cache lifetime (s)",
        "A list that is not older than this is used without asking the API server.",
        least=0,
        most=3600,
    )


@dataclass(frozen=True, kw_only=True)
class ListenSettings(Group):
    """Where the options server listens, and for whom."""

    title: ClassVar[str] = "Options server"

    listen: str = setting(
        "127.0.0.1:8790",
        "Listen on",
        "IP address and port, for example 127.0.0.1:8790 or [::1]:8790. The server uses plain HTTP. If it "
        "listens on an address other than loopback, put a proxy with TLS in front of it.",
        pattern=r"(\d{1,3}(\.\d{1,3}){3}|\[[0-9a-fA-F:.]+\]):\d{1,5}",
        allowed="an IP address and a port, with IPv6 addresses in brackets",
        required=True,
    )
    options_token: str = setting(
        "",
        "Token of the options server",
        "Clients must send it as a bearer token. At least 16 characters, for example from `openssl rand -hex 32`.",
        pattern=r"[\x21-\x7e]{16,512}",
        allowed="at least 16 characters, without spaces",
        required=True,
        secret=True,
    )
