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
        allowed="a label selector as kubectl takes it",
    )
    cluster_name: str = setting(
        "",
        "Name of the cluster",
        "Comes before the nodes' names, where a project has several clusters.",
        pattern=r"[A-Za-z0-9-]+",
        allowed="letters, digits and dashes",
    )


@dataclass(frozen=True, kw_only=True)
class ValuesSettings(Group):
    """How many values a dropdown has, and how old they may be."""

    title: ClassVar[str] = "Values of a dropdown"

    most_values: int = setting(500, "At most this many values", "A longer list is cut.", least=1, most=5000)
    wait_s: int = setting(
        5,
        "Wait at most (seconds)",
        "For the API server. The last list serves when it takes longer, and its labels say from when it is.",
        least=1,
        most=30,
    )
    fresh_s: int = setting(
        10,
        "Ask again after (seconds)",
        "A list that is younger serves without a question to the API server.",
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
        "IP address and port, for example 127.0.0.1:8790 or [::1]:8790. It speaks plain HTTP: on any address but "
        "loopback something in front of it has to speak TLS.",
        pattern=r"(\d{1,3}(\.\d{1,3}){3}|\[[0-9a-fA-F:.]+\]):\d{1,5}",
        allowed="an IP address and a port, an IPv6 address in brackets",
        required=True,
    )
    options_token: str = setting(
        "",
        "Token of the options server",
        "Whoever asks gives it as a bearer token: 16 characters at least, for example from `openssl rand -hex 32`.",
        pattern=r"[\x21-\x7e]{16,512}",
        allowed="16 characters at least, without spaces",
        required=True,
        secret=True,
    )
