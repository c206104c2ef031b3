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
        "Path of a kubeconfig on this machine. Leave all of this group blank inside a cluster: "
        "the pod's service account is used.",
    )
    kubeconfig_content: str = setting("", "kubeconfig content", "A whole kubeconfig, kept in Key Storage.", secret=True)
    context: str = setting("", "Context", "Context of the kubeconfig; blank for its current one.")
    server: str = setting(
        "",
        "API server URL",
        "For example https://10.0.0.1:6443; needs a token.",
        pattern=r"https://[^\s/]+(/\S*)?",
        allowed="an https:// URL",
    )
    token: str = setting("", "Token", "Bearer token of a service account, kept in Key Storage.", secret=True)
    ca_certificate: str = setting(
        "", "CA certificate", "The cluster's CA in PEM, kept in Key Storage; blank for the system's CAs.", secret=True
    )
    verify_tls: bool = setting(
        True, "Verify TLS", "Check the server's certificate. Turn off for a throw-away cluster only."
    )
    requests_per_s: int = setting(
        REQUESTS_PER_S,
        "Requests a second",
        "How many requests the API server gets from one step on average, at most; attaches and commands go first.",
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
        "Separated by commas. Nodes and dropdowns are made of all namespaces where this is blank, which takes the "
        "right to list what is in the whole cluster.",
        pattern=rf"{NAME}(\s*,\s*{NAME})*",
        allowed="names of namespaces separated by commas",
    )
