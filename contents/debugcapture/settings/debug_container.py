"""Settings of debug containers."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from .declare import Group, setting

Profile = Literal["restricted", "baseline", "general", "netadmin", "sysadmin"]


@dataclass(frozen=True, kw_only=True)
class DebugContainerSettings(Group):
    """The container that is attached to a pod without tools."""

    title: ClassVar[str] = "Debug container"
    folded: ClassVar[bool] = True

    image: str = setting(
        "",
        "Debug image",
        "Image with debugging tools for containers that have none, built from deploy/toolbox. Blank: no "
        "debug containers.",
        pattern=r"[\w][\w.:/@-]*",
        allowed="an image reference",
    )
    profile: Profile = setting(
        "restricted",
        "Security profile",
        "Maximum privileges of debug containers, as in kubectl debug. A collector gets the lowest profile "
        "that works. restricted runs as the target's user with no capabilities and is sufficient for nearly "
        "all collectors; sysadmin is privileged.",
    )
    run_as: Literal["target", "image"] = setting(
        "target",
        "Run as",
        "User of the debug container. target: the user of the target, who can read its files and memory. image: the "
        "user of the debug image.",
    )
    environment: str = setting(
        "",
        "Environment",
        "Environment variables of the debug container, NAME=VALUE, separated by spaces. Quote values that "
        "contain spaces. Anyone who can read pods can see them, so do not enter passwords.",
    )
    debug_container_spec: str = setting(
        "",
        "Custom container fields",
        "Part of a container spec in JSON or YAML that overrides the debug container, as in kubectl debug "
        '--custom: {"imagePullPolicy": "Always"}.',
        lines=True,
        syntax="yaml",
    )
