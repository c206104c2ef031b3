"""Debug containers whose root file system is read-only, because a policy of the cluster requires that. Pure.

Their tools write to an emptyDir of the pod, or to /dev/shm. Source: Kubernetes documentation, "Configure a Security
Context for a Pod or Container"; Gatekeeper library, K8sPSPReadOnlyRootFilesystem.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from ..model import SCRATCH, Json

# In memory, 64 MiB, and the same for all containers of the pod.
SHARED_MEMORY: Final = "/dev/shm"  # noqa: S108 - where no policy forbids to write
_TEMPORARY: Final = (SCRATCH, "/var/tmp")  # noqa: S108 - folders of the target


def has_read_only_root(pod: Json, prefix: str) -> bool:
    """Return whether an ephemeral container of ``pod`` whose name begins with ``prefix`` has a read-only root."""
    return any(
        (container.get("securityContext") or {}).get("readOnlyRootFilesystem") is True
        for container in pod["spec"].get("ephemeralContainers") or []
        if container["name"].startswith(prefix)
    )


def find_scratch(pod: Json, mounts: tuple[Json, ...]) -> tuple[str, tuple[Json, ...]]:
    """Return a folder to write to, and the volumeMounts with which a debug container that has ``mounts`` gets it.

    A volume of the application is used only if it is for temporary files, and if filling it harms neither the memory
    nor the pod.
    """
    mounted = [mount for mount in mounts if mount["mountPath"].rstrip("/") == SCRATCH]
    if mounted:
        return (SHARED_MEMORY if any(mount.get("readOnly") for mount in mounted) else SCRATCH), mounts
    volume = next(_temporary_volumes(pod), "")
    return (SCRATCH, (*mounts, {"name": volume, "mountPath": SCRATCH})) if volume else (SHARED_MEMORY, mounts)


def _temporary_volumes(pod: Json) -> Iterator[str]:
    """Yield the emptyDirs without a size limit, on a disk, that a container mounts as a folder for temporary files."""
    spec = pod["spec"]
    unlimited = {volume["name"] for volume in spec.get("volumes") or [] if volume.get("emptyDir") == {}}
    for mount in _mounts([*spec["containers"], *(spec.get("initContainers") or [])]):
        is_temporary = mount["mountPath"].rstrip("/") in _TEMPORARY and not mount.get("subPath")
        if is_temporary and mount["name"] in unlimited:
            yield mount["name"]


def _mounts(containers: Iterable[Json]) -> Iterator[Json]:
    return (mount for container in containers for mount in container.get("volumeMounts") or [])
