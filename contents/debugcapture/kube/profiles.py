"""What a debug container may do: the profiles of `kubectl debug`, as a pure table, and the ladder they form.

Source: kubernetes/kubectl pkg/cmd/debug/profiles.go; Kubernetes documentation, "Pod Security Standards".
"""

from collections.abc import Collection

from ..model import Json, User
from ..settings.debug_container import Profile

ROOT = User(0, 0)
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
# The rungs that each ceiling allows, the lowest first.
_ESCALATION: dict[Profile, tuple[Profile, ...]] = {
    "restricted": ("restricted",),
    "baseline": ("restricted", "baseline"),
    "general": ("restricted", "general"),
    "netadmin": ("restricted", "netadmin"),
    "sysadmin": ("restricted", "general", "netadmin", "sysadmin"),
}
# Root in a container has NET_RAW by default with containerd and Docker, not with CRI-O.
_GRANTS: dict[Profile, frozenset[str]] = {
    "restricted": frozenset(),
    "baseline": frozenset({"NET_RAW"}),
    "general": frozenset({"NET_RAW", "SYS_PTRACE"}),
    "netadmin": frozenset({"NET_RAW", "NET_ADMIN"}),
    "sysadmin": frozenset({"NET_RAW", "NET_ADMIN", "SYS_PTRACE"}),
}


def allowed_profiles(ceiling: Profile, needs: Collection[str]) -> tuple[Profile, ...]:
    """Return the profiles to try for what ``needs`` these capabilities, the lowest first, none above ``ceiling``."""
    return tuple(one for one in _ESCALATION[ceiling] if _GRANTS[one].issuperset(needs))


def effective_profile(profile: Profile, target: User) -> tuple[Profile, User]:
    """Return the profile and user that reach a process of the user ``target``.

    A capability is in force for root only. Root without capabilities cannot look into a root process that has the
    default ones; a namespace that enforces `restricted` has no root process.
    """
    if profile == "restricted":
        return ("baseline" if target.uid == 0 else "restricted"), target
    return profile, ROOT


def security_context(profile: Profile, user: User | None) -> Json:
    """Return the securityContext of a debug container that runs as ``user``, or as the image says."""
    context = dict(_CONTEXTS[profile])
    if user is None:
        return context
    if user.uid == 0:
        context.pop("runAsNonRoot", None)
    return context | {"runAsUser": user.uid, "runAsGroup": user.gid}
