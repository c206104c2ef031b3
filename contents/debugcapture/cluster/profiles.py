"""What a debug container may do: the profiles of `kubectl debug`, as a pure table.

Source: kubernetes/kubectl pkg/cmd/debug/profiles.go; Kubernetes documentation, "Pod Security Standards".
"""

from ..model import Json, User
from ..settings import Profile

# A container with the target's own uid and gid reads its files through /proc and runs jattach without any
# capability; root without SYS_PTRACE cannot, so matching the user matters more than privilege.
_CONTEXTS: dict[Profile, Json] = {
    "restricted": {
        "runAsNonRoot": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    },
    "baseline": {},
    "general": {"capabilities": {"add": ["SYS_PTRACE"]}},
    "netadmin": {"capabilities": {"add": ["NET_ADMIN", "NET_RAW"]}},
    "sysadmin": {"privileged": True},
}


def security_context(profile: Profile, user: User | None) -> Json:
    """Return the securityContext of a debug container that runs as ``user``, or as the image says."""
    context = dict(_CONTEXTS[profile])
    if user is None:
        return context
    if user.uid == 0:
        context.pop("runAsNonRoot", None)
    return context | {"runAsUser": user.uid, "runAsGroup": user.gid}
