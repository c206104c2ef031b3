"""The threads of each runtime as stacks."""

from collections.abc import Iterator

from ...picture import PodPictures, Stacks
from ..parsers.dotnet_stacks import NetStacks
from ..parsers.goroutines import GoDump
from ..parsers.jvm_model import LIBRARIES, Frame, JavaThread, ThreadDumps
from ..parsers.native_stacks import NativeStacks
from ..parsers.python_stacks import PyStacks
from ..parsers.script_stacks import ScriptStacks
from .stacks import Sample, StackFrame, stacks_of


def java_threads(dumps: ThreadDumps) -> PodPictures:
    """Return the threads of the last dump. Threads of the JVM itself have no stack and are left out."""
    frames = _JavaFrames()
    samples = (_java_sample(thread, frames) for thread in dumps.last.java_threads if thread.frames)
    return _pictures_with(stacks_of("Java threads", dumps.evidence.name, "threads", samples))


class _JavaFrames(dict[tuple[str, str], StackFrame]):
    """Frames by call and place. Most threads of a large dump share their frames."""

    def __missing__(self, key: tuple[str, str]) -> StackFrame:
        frame = StackFrame(str(Frame(*key, 0)), not key[0].startswith(LIBRARIES))
        self[key] = frame
        return frame


def _java_sample(thread: JavaThread, frames: _JavaFrames) -> Sample:
    stack = tuple(frames[frame.call, frame.place] for frame in thread.frames)
    state = thread.state + (" (virtual)" if thread.is_virtual else "")
    return Sample(stack, state=state.strip(), name=thread.name, line=thread.line)


def python_threads(stacks: PyStacks) -> PodPictures:
    """Return the threads of Python, native frames included."""
    samples = (
        Sample(
            tuple(StackFrame(str(frame), frame.is_own) for frame in (*thread.native, *thread.frames)),
            state=thread.state,
            name=thread.name or thread.id,
            line=thread.first_line,
        )
        for thread in stacks.threads
    )
    has_native = any(thread.native for thread in stacks.threads)
    title = "Python threads with native frames" if has_native else "Python threads"
    return _pictures_with(stacks_of(title, stacks.evidence.name, "threads", samples))


def goroutines(dump: GoDump) -> PodPictures:
    """Return the goroutines. A profile contains no states."""
    return _pictures_with(stacks_of("Goroutines", dump.evidence.name, "goroutines", _go_samples(dump)))


def _go_samples(dump: GoDump) -> Iterator[Sample]:
    for group in dump.groups:
        frames = tuple(StackFrame(str(frame), not frame.is_standard) for frame in group.stack)
        minutes = f", up to {group.minutes} min" if group.minutes else ""
        yield Sample(frames, group.count, f"{group.state}{minutes}", line=group.first_line)


def native_threads(stacks: NativeStacks) -> PodPictures:
    """Return the threads of a native process."""
    samples = (
        Sample(
            tuple(StackFrame(str(frame), not frame.is_system) for frame in thread.frames),
            name=thread.name or thread.id,
            line=thread.first_line,
        )
        for thread in stacks.threads
    )
    return _pictures_with(stacks_of("Native threads", stacks.evidence.name, "threads", samples))


def net_threads(stacks: NetStacks) -> PodPictures:
    """Return the threads of .NET."""
    samples = (
        Sample(
            tuple(StackFrame(str(frame), not frame.is_library) for frame in thread.frames),
            name=thread.id,
            line=thread.first_line,
        )
        for thread in stacks.threads
    )
    return _pictures_with(stacks_of(".NET threads", stacks.evidence.name, "threads", samples))


def script_stacks(stacks: ScriptStacks) -> PodPictures:
    """Return the stacks of Ruby or PHP; in a slow log, one for each slow request."""
    unit = "slow requests" if stacks.is_slow_log else "stacks"
    samples = (
        Sample(
            tuple(StackFrame(str(frame), not frame.is_library) for frame in stack.frames),
            name=stack.script,
            line=stack.first_line,
        )
        for stack in stacks.stacks
    )
    return _pictures_with(stacks_of(f"{stacks.language} stacks", stacks.evidence.name, unit, samples))


def _pictures_with(stacks: Stacks) -> PodPictures:
    return PodPictures("", stacks=(stacks,)) if stacks.total else PodPictures("")
