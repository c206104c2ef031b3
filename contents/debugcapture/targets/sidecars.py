"""Which containers of a pod serve another one. Pure.

Source: Kubernetes documentation, "Sidecar Containers".
"""

from ..model import Json

# Containers that a service mesh or an agent injects into pods. Native sidecars are init containers and need no entry.
SIDECARS = frozenset({
    "istio-proxy", "linkerd-proxy", "envoy", "envoy-sidecar", "consul-dataplane", "kuma-sidecar", "daprd",
    "aws-xray-daemon", "vault-agent", "cloud-sql-proxy", "cloudsql-proxy", "datadog-agent", "fluent-bit", "fluentd",
    "filebeat", "promtail", "otel-collector", "opentelemetry-collector", "oauth2-proxy", "kube-rbac-proxy",
    "config-reloader",
})  # fmt: skip


def native_sidecars(pod: Json) -> frozenset[str]:
    """Return the names of the pod's native sidecars: init containers that keep running (restartPolicy Always)."""
    init_containers = pod["spec"].get("initContainers") or []
    return frozenset(container["name"] for container in init_containers if container.get("restartPolicy") == "Always")


def is_sidecar(pod: Json, name: str) -> bool:
    """Return whether the container ``name`` is a native sidecar or has the name of a known sidecar."""
    return name in SIDECARS or name in native_sidecars(pod)
