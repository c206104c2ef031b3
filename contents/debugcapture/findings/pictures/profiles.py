"""Profiles as stacks."""

from typing import Final

from ...picture import PodPictures
from ..parsers.goroutines import GoFrame
from ..parsers.profile import Profile, ProfileFrame
from ..parsers.python_stacks import PyFrame
from ..parsers.script_stacks import ScriptFrame
from .stacks import StackFrame, counted, stacks_of


def profile_stacks(profile: Profile) -> PodPictures:
    """Return the stacks of a profile with their weights."""
    frame_of = _FRAMES[profile.title.partition(" ")[0]]
    frames = {frame: frame_of(frame) for stack, _weight in profile.samples for frame in stack}
    samples = counted((tuple(frames[frame] for frame in stack), weight) for stack, weight in profile.samples)
    stacks = stacks_of(profile.title, profile.evidence.name, profile.unit, samples)
    return PodPictures("", stacks=(stacks,)) if stacks.total else PodPictures("")


def _go(frame: ProfileFrame) -> StackFrame:
    function = GoFrame(*frame)
    return StackFrame(str(function), not function.is_standard)


def _python(frame: ProfileFrame) -> StackFrame:
    function = PyFrame(*frame)
    return StackFrame(str(function), function.is_own)


def _ruby(frame: ProfileFrame) -> StackFrame:
    function = ScriptFrame(*frame)
    return StackFrame(str(function), not function.is_library)


def _node(frame: ProfileFrame) -> StackFrame:
    name = frame.file.rpartition("/")[2]
    is_library = not frame.file or frame.file.startswith("node:") or "node_modules" in frame.file
    return StackFrame(f"{frame.function} ({name}:{frame.line})" if name else frame.function, not is_library)


_FRAMES: Final = {"Go": _go, "Python": _python, "Ruby": _ruby, "Node.js": _node}
