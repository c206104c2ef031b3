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
        "Image with the tools, for containers that have none; deploy/toolbox builds it. "
        "Blank: no debug container is ever attached.",
        pattern=r"[\w][\w.:/@-]*",
        allowed="an image reference",
    )
    profile: Profile = setting(
        "restricted",
        "Security profile",
        "The most that a debug container may do, as in kubectl debug. A collector gets the least that does: restricted "
        "runs as the target's user without any capability and is enough for nearly all; sysadmin is privileged.",
    )
    run_as: Literal["target", "image"] = setting(
        "target",
        "Run as",
        "The user of the debug container: the target's, which its files need, or the debug image's own.",
    )
    environment: str = setting(
        "",
        "Environment",
        "Variables of the debug container, NAME=VALUE, separated by spaces; quote a value that has spaces.",
    )
    custom: str = setting(
        "",
        "Custom container fields",
        "Part of a container spec in JSON or YAML, put over ours, as in kubectl debug --custom: "
        '{"imagePullPolicy": "Always"}.',
        lines=True,
        syntax="yaml",
    )
