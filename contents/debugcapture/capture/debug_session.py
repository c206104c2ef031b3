"""The debug containers of one capture: attached when first needed, lowest privilege first, shared, ended with it."""

import re
import shlex
from collections.abc import Callable, Collection
from contextlib import ExitStack
from dataclasses import dataclass, field
from threading import Lock
from typing import Final

from ..collectors.processes import Listing, listing_command, parse, unreadable
from ..errors import BadInput, CaptureError, NotRunning
from ..kube.client import Api
from ..kube.debug_pod import copy_of, node_pod, running
from ..kube.ephemeral_container import DebugContainer, attached
from ..kube.exec_stream import run_short
from ..kube.profiles import ladder, rung
from ..model import ContainerRef, Json, Target, User
from ..settings.debug_container import DebugContainerSettings, Profile
from ..settings.mapping import read_mapping

NOBODY: Final = User(65534, 65534)
_IMAGE_USER: Final = "image"
_OURS: Final = frozenset({"name", "command", "args", "targetContainerName", "image", "securityContext"})


@dataclass(frozen=True, slots=True)
class DebugOptions:
    """What the job's author allows for debug containers."""

    image: str
    ceiling: Profile
    lives_s: int
    run_as: str = "target"  # or "image"
    environment: tuple[tuple[str, str], ...] = ()
    custom: Json = field(default_factory=dict)
    wait_for_restart_s: int = 0
    copy: bool = False  # whether a copy of the pod may be made
    node_namespace: str = ""  # where a pod that looks at the node may be made; "" for nowhere
    programs: tuple[str, ...] = ()  # that the collectors run; each debug container says which of them it has


def debug_options(settings: DebugContainerSettings, lives_s: int, wait_for_restart_s: int = 0) -> DebugOptions:
    """Return the options that the settings mean. Raises BadInput for an environment or custom fields that are wrong."""
    return DebugOptions(
        settings.image,
        settings.profile,
        lives_s,
        settings.run_as,
        _environment(settings.environment),
        _custom(settings.custom),
        wait_for_restart_s,
    )


def _environment(text: str) -> tuple[tuple[str, str], ...]:
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise BadInput("cannot read environment", str(error), "Close the quotes.") from error
    pairs = [word.partition("=") for word in words]
    wrong = [name for name, equals, _ in pairs if not equals or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]*", name)]
    if wrong:
        raise BadInput("cannot read environment", f"{wrong[0]!r} is not NAME=VALUE", "Separate variables with spaces.")
    return tuple((name, value) for name, _, value in pairs)


def _custom(text: str) -> Json:
    fields = read_mapping("custom", text, '{"imagePullPolicy": "Always"}')
    ours = fields.keys() & _OURS
    if ours:
        raise BadInput(
            "cannot use custom", f"{', '.join(sorted(ours))} cannot be overridden", "Use the other settings for that."
        )
    return fields


@dataclass(frozen=True, slots=True)
class Place:
    """Where tools of the debug image run, and what they see."""

    ref: ContainerRef
    profile: Profile
    listing: Listing


class Attachment:
    """A context: `places` attaches, leaving it ends what was attached."""

    def __init__(
        self, api: Api, target: Target, mounts: tuple[Json, ...], options: DebugOptions, say: Callable[[str], None]
    ) -> None:
        """Prepare; nothing is attached yet. ``mounts`` are the target's volumeMounts."""
        self._api, self._target, self._mounts, self._options, self._say = api, target, mounts, options, say
        self._attached = ExitStack()
        self._places: dict[Profile, Place | CaptureError] = {}
        self._lock = Lock()  # collectors that run side by side share one debug container of each profile
        self._user = target.user

    def __enter__(self) -> "Attachment":
        return self

    def __exit__(self, *_error: object) -> None:
        self._attached.close()

    @property
    def has_image(self) -> bool:
        """Tell whether there is a debug image."""
        return bool(self._options.image)

    def rungs(self, needs: Collection[str] = ()) -> tuple[Profile, ...]:
        """Return the profiles to try for what ``needs`` these capabilities, the lowest first."""
        return ladder(self._options.ceiling, needs)

    def place(self, profile: Profile = "restricted") -> Place:
        """Return where tools run with ``profile``. A refusal is not asked for twice: it would be the same.

        Raises BadInput when there is no image, NotAllowed, or NotRunning with the reason why the container did not
        start, or does not see the target.
        """
        if not self._options.image:
            what = f"cannot attach a debug container to {self._target}"
            raise BadInput(what, "no debug image is set", "Build deploy/toolbox and set image.")
        with self._lock:
            known = self._places.get(profile)
            if known is None:
                try:
                    known = self._attach(profile)
                except CaptureError as error:
                    known = error
                self._places[profile] = known
        if isinstance(known, CaptureError):
            raise known
        return known

    def volumes_place(self) -> ContainerRef:
        """Return a debug container that has the target's volumes but none of its processes: for one that crashed."""
        debug = self._debug("restricted", self._user or NOBODY, "", self._mounts)
        return self._attached.enter_context(attached(self._api, self._target, debug, self._say))

    def copy_place(self, pod: Json) -> ContainerRef:
        """Return a copy of the target that only sleeps. Raises BadInput when none may be made."""
        if not self._options.copy:
            raise BadInput(f"cannot copy {self._target}", "the job does not allow it", "Set allow_copy.")
        copy = copy_of(pod, self._target, self._options.image, self._options.lives_s)
        return self._attached.enter_context(running(self._api, copy, self._say))

    def node_place(self) -> ContainerRef:
        """Return a pod that sees the target's node. Raises BadInput when none may be made."""
        options = self._options
        if not options.node_namespace:
            what = f"cannot read the state of node {self._target.node}"
            raise BadInput(what, "the job does not allow it", "Set node_namespace.")
        pod = node_pod(self._target.node, options.node_namespace, options.image, options.lives_s)
        return self._attached.enter_context(running(self._api, pod, self._say))

    def _attach(self, profile: Profile) -> Place:
        if self._user is None:
            self._say("the pod does not specify its user: looking at its first process")
            self._user = self._live_user()
        place = self._enter(profile, self._user)
        user = unreadable(place.listing.processes)
        if user and profile == "restricted" and user != self._user:
            self._say(f"the processes run as user {user.uid}, not as {self._user.uid}, which the pod specifies")
            self._user = user
            place = self._enter(profile, user)
        return place

    def _enter(self, profile: Profile, target_user: User) -> Place:
        used, user = rung(profile, target_user)
        asked = None if self._options.run_as == _IMAGE_USER else user
        debug = self._debug(used, asked, self._target.container, ())
        ref = self._attached.enter_context(attached(self._api, self._target, debug, self._say))
        return Place(ref, profile, self._listing(ref))

    def _live_user(self) -> User:
        """Return the user of the target's first process, which only its image names, as the process itself shows.

        /proc/PID/status is open to everybody, so a container without any right can read it.
        """
        debug = self._debug("restricted", NOBODY, self._target.container, ())
        with attached(self._api, self._target, debug, self._say) as ref:
            processes = self._listing(ref).processes
        return min(processes, key=lambda one: one.pid).user

    def _listing(self, ref: ContainerRef) -> Listing:
        _, output, _ = run_short(self._api, ref, listing_command(self._target.container_id, self._options.programs))
        listing = parse(output)
        if not listing.processes:
            why = "the container runtime does not share them" if not listing.shared else "no process is visible"
            raise NotRunning(f"cannot see the processes of {self._target}", why, "Only exec works there.")
        return listing

    def _debug(self, profile: Profile, user: User | None, container: str, mounts: tuple[Json, ...]) -> DebugContainer:
        options = self._options
        waits = options.wait_for_restart_s if container else 0
        return DebugContainer(
            options.image,
            profile,
            user,
            options.lives_s,
            container,
            mounts,
            options.environment,
            options.custom,
            max(waits, 120),
            waits_for_target=bool(waits),
        )
