"""Settings of the connection to a cluster, and of its namespaces."""

from dataclasses import dataclass
from typing import ClassVar

from .declare import NAME, Group, setting

REQUESTS_PER_S = 50  # as kubectl


@dataclass(frozen=True, kw_only=True)
class ConnectionSettings(Group):
    """How to reach the API server."""

    title: ClassVar[str] = "Cluster connection"
    folded: ClassVar[bool] = True

    kubeconfig: str = setting(
        "",
        "kubeconfig file",
        "Path of a kubeconfig on this machine. If Rundeck runs in the cluster, leave the complete group "
        "blank to use the pod's service account.",
    )
    kubeconfig_content: str = setting("", "kubeconfig content", "A complete kubeconfig, from Key Storage.", secret=True)
    context: str = setting("", "Context", "Context of the kubeconfig. Blank: its current context.")
    server: str = setting(
        "",
        "API server URL",
        "For example https://10.0.0.1:6443. Requires a token.",
        pattern=r"https://[^\s/]+(/\S*)?",
        allowed="an https:// URL",
    )
    token: str = setting("", "Token", "Bearer token of a service account, from Key Storage.", secret=True)
    ca_certificate: str = setting(
        "",
        "CA certificate",
        "CA certificate of the cluster in PEM format, from Key Storage. Blank: the CAs of the system.",
        secret=True,
    )
    verify_tls: bool = setting(
        True, "Verify TLS", "Verifies the server's certificate. Turn this off for test clusters only."
    )
    requests_per_s: int = setting(
        REQUESTS_PER_S,
        "Requests per second",
        "Maximum average rate of requests from one step to the API server. Attaches and commands take priority.",
        least=1,
        most=1000,
    )


@dataclass(frozen=True, kw_only=True)
class NamespacesSettings(Group):
    """The namespaces that are listed or checked."""

    title: ClassVar[str] = "Namespaces"

    namespaces: str = setting(
        "",
        "Namespaces",
        "Separated by commas. Blank: for nodes and dropdowns, all namespaces; the account then needs "
        "cluster-wide list permission.",
        pattern=rf"{NAME}(\s*,\s*{NAME})*",
        allowed="names of namespaces, separated by commas",
    )
