"""The debug container of one capture: attached when it is first needed, shared by its collectors, ended with it."""

import re
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from .cluster.api import Api
from .cluster.debug_container import DebugContainer, attached
from .errors import BadInput, CaptureError, NothingCaptured
from .model import ContainerRef, Target, User
from .plan import debug_profile
from .probe import run_short
from .settings import Profile

NOBODY: Final = User(65534, 65534)


@dataclass(frozen=True, slots=True)
class DebugOptions:
    """What the job's author allows for debug containers."""

    image: str
    profile: Profile
    lives_s: int


class Attachment:
    """A context: `place` attaches, leaving it ends what was attached."""

    def __init__(self, api: Api, target: Target, options: DebugOptions, say: Callable[[str], None]) -> None:
        """Prepare; nothing is attached yet."""
        self._api, self._target, self._options, self._say = api, target, options, say
        self._attached = ExitStack()
        self._place: ContainerRef | None = None
        self._refusal: CaptureError | None = None

    def __enter__(self) -> "Attachment":
        return self

    def __exit__(self, *_error: object) -> None:
        self._attached.close()

    def place(self) -> ContainerRef:
        """Return where tools run. A refusal is not asked for twice: a second container would fail like the first.

        Raises BadInput when there is no image, NotAllowed, or NothingCaptured with the reason why the container did not
        start.
        """
        if not self._options.image:
            what = f"cannot attach a debug container to {self._target}"
            raise BadInput(what, "no debug image is set", "Build deploy/toolbox and set the image.")
        if self._refusal:
            raise self._refusal
        if self._place is None:
            try:
                self._place = self._attach(self._target.user or self._live_user())
            except CaptureError as error:
                self._refusal = error
                raise
        return self._place

    def _attach(self, user: User) -> ContainerRef:
        profile = debug_profile(self._options.profile, user)
        debug = DebugContainer(self._options.image, profile, user, self._options.lives_s)
        return self._attached.enter_context(attached(self._api, self._target, debug, self._say))

    def _live_user(self) -> User:
        """Return the user of the target's first process, which only its image names, as the process itself shows.

        /proc/PID/status is open to everybody, so a container without any right can read it.
        """
        self._say("the pod does not say which user it runs as: looking at its first process")
        debug = DebugContainer(self._options.image, "restricted", NOBODY, self._options.lives_s)
        with attached(self._api, self._target, debug, self._say) as place:
            _, status, _ = run_short(self._api, place, ("cat", "/proc/1/status"))
        ids = [re.search(rf"^{name}:\t(\d+)", status, re.MULTILINE) for name in ("Uid", "Gid")]
        if not all(ids):
            raise NothingCaptured(f"cannot see the processes of {self._target}", "its runtime does not share them")
        uid, gid = (int(one.group(1)) for one in ids if one)
        return User(uid, gid)
