"""Security profiles of debug containers, as in `kubectl debug`, and the order of escalation. Pure.

Source: kubernetes/kubectl pkg/cmd/debug/profiles.go; Kubernetes documentation, "Pod Security Standards".
"""

from collections.abc import Collection

from ..model import Json, User
from ..settings.debug_container import Profile

ROOT = User(0, 0)
# With the uid and gid of the target, a container can read its files through /proc and run jattach without any
# capability. Root without SYS_PTRACE cannot. The right user is therefore tried before more privileges.
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
# The profiles to try for each ceiling, the least privileged first.
_ESCALATION: dict[Profile, tuple[Profile, ...]] = {
    "restricted": ("restricted",),
    "baseline": ("restricted", "baseline"),
    "general": ("restricted", "general"),
    "netadmin": ("restricted", "netadmin"),
    "sysadmin": ("restricted", "general", "netadmin", "sysadmin"),
}
# containerd and Docker give NET_RAW to root by default; CRI-O does not.
_GRANTS: dict[Profile, frozenset[str]] = {
    "restricted": frozenset(),
    "baseline": frozenset({"NET_RAW"}),
    "general": frozenset({"NET_RAW", "SYS_PTRACE"}),
    "netadmin": frozenset({"NET_RAW", "NET_ADMIN"}),
    "sysadmin": frozenset({"NET_RAW", "NET_ADMIN", "SYS_PTRACE"}),
}


def allowed_profiles(ceiling: Profile, needs: Collection[str]) -> tuple[Profile, ...]:
    """Return the profiles up to ``ceiling`` that grant the capabilities ``needs``, the least privileged first."""
    return tuple(profile for profile in _ESCALATION[ceiling] if _GRANTS[profile].issuperset(needs))


def effective_profile(profile: Profile, target: User) -> tuple[Profile, User]:
    """Return the profile to apply and the user to run as, to access a process of the user ``target``.

    Only root can use capabilities. Root without capabilities cannot access a root process that has the default ones,
    so for such a process `restricted` becomes `baseline`. A namespace that enforces `restricted` has no root processes.
    """
    if profile == "restricted":
        return ("baseline" if target.uid == 0 else "restricted"), target
    return profile, ROOT


def security_context(profile: Profile, user: User | None, *, has_read_only_root: bool = False) -> Json:
    """Return the securityContext of a debug container that runs as ``user``; None for the user of the image."""
    context = _CONTEXTS[profile] | ({"readOnlyRootFilesystem": True} if has_read_only_root else {})
    if user is None:
        return context
    if user.uid == 0:
        context.pop("runAsNonRoot", None)
    return context | {"runAsUser": user.uid, "runAsGroup": user.gid}
