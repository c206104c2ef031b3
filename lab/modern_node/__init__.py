"""A second node for the lab's cluster: a virtual machine with cgroup v2, systemd, runc and crun."""

from lab.modern_node.part import ModernNodePart

__all__ = ["ModernNodePart"]
