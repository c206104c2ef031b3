"""The debug containers of one capture. They are attached when first needed, shared, and ended with the capture."""

import re
import shlex
from collections.abc import Collection
from contextlib import ExitStack
from dataclasses import dataclass, field
from threading import Lock
from typing import Final

from ..collectors.processes import Listing, listing_command, owner_of_unreadable, parse
from ..errors import BadInput, CaptureError, NotRunning
from ..kube.approved_command import run_approved
from ..kube.client import Api
from ..kube.command import Command
from ..kube.debug_pod import node_pod, pod_copy, run_pod
from ..kube.ephemeral_container import DebugContainer, Start, attach_container, run_when_ready
from ..kube.exec_stream import Stdio
from ..kube.profiles import allowed_profiles, effective_profile
from ..model import ContainerRef, ExitStatus, Json, Report, Target, User
from ..settings.debug_container import DebugContainerSettings, Profile
from ..settings.mapping import read_mapping

NOBODY: Final = User(65534, 65534)
_IMAGE_USER: Final = "image"
_RESERVED_FIELDS: Final = frozenset({"name", "command", "args", "targetContainerName", "image", "securityContext"})


@dataclass(frozen=True, slots=True)
class DebugOptions:
    """What the job allows for debug containers."""

    image: str
    ceiling: Profile
    lives_s: int
    run_as: str = "target"
    """"target" or "image"."""
    environment: tuple[tuple[str, str], ...] = ()
    spec_overrides: Json = field(default_factory=dict)
    wait_for_restart_s: int = 0
    copy: bool = False
    """Whether the capture may create a copy of the pod."""
    node_namespace: str = ""
    """Where the capture may create a node pod; "" for nowhere."""
    programs: tuple[str, ...] = ()
    """Programs that the collectors run. Each debug container reports which of them it has."""


def debug_options(settings: DebugContainerSettings, lives_s: int, wait_for_restart_s: int = 0) -> DebugOptions:
    """Return the options in ``settings``. Raises BadInput if the environment or the container fields are invalid."""
    return DebugOptions(
        settings.image,
        settings.profile,
        lives_s,
        settings.run_as,
        _parse_environment(settings.environment),
        _parse_spec_overrides(settings.debug_container_spec),
        wait_for_restart_s,
    )


def _parse_environment(text: str) -> tuple[tuple[str, str], ...]:
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise BadInput("cannot read environment", str(error), "Close the quotes.") from error
    pairs = [word.partition("=") for word in words]
    invalid = [name for name, equals, _ in pairs if not equals or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]*", name)]
    if invalid:
        raise BadInput(
            "cannot read environment", f"{invalid[0]!r} is not NAME=VALUE", "Separate variables with spaces."
        )
    return tuple((name, value) for name, _, value in pairs)


def _parse_spec_overrides(text: str) -> Json:
    fields = read_mapping("debug_container_spec", text, '{"imagePullPolicy": "Always"}')
    reserved = sorted(fields.keys() & _RESERVED_FIELDS)
    if reserved:
        reason = f"{', '.join(reserved)} cannot be overridden"
        raise BadInput("cannot use debug_container_spec", reason, "Use the other settings for that.")
    return fields


@dataclass(frozen=True, slots=True)
class AttachedContainer:
    """A debug container that runs, and the processes and programs that it sees."""

    ref: ContainerRef
    profile: Profile
    listing: Listing


class DebugSession:
    """A context manager for the debug containers and debug pods of one target. On exit, it ends all of them."""

    def __init__(
        self, api: Api, target: Target, mounts: tuple[Json, ...], options: DebugOptions, report: Report
    ) -> None:
        """Nothing is attached before `attach`. ``mounts`` are the target's volumeMounts."""
        self._api, self._target, self._mounts = api, target, mounts
        self._options, self._report = options, report
        self._resources = ExitStack()
        self._containers: dict[Profile, AttachedContainer | CaptureError] = {}
        self._lock = Lock()
        """Parallel collectors share one debug container per profile."""
        self._user = target.user
        self._volume_containers: dict[User, ContainerRef | None] = {}

    def __enter__(self) -> "DebugSession":
        return self

    def __exit__(self, *_error: object) -> None:
        self._resources.close()

    @property
    def has_image(self) -> bool:
        """Return whether a debug image is set."""
        return bool(self._options.image)

    def profiles(self, needs: Collection[str] = ()) -> tuple[Profile, ...]:
        """Return the security profiles that grant the capabilities ``needs``, the least privileged first."""
        return allowed_profiles(self._options.ceiling, needs)

    def attach(self, profile: Profile = "restricted") -> AttachedContainer:
        """Return the debug container with ``profile``, which the first call attaches.

        A failure is not retried: each later call raises the same error. Raises BadInput if no image is set, NotAllowed
        if RBAC or admission refuses, NotRunning if the container does not start or does not see the target's processes.
        """
        self._require_image()
        with self._lock:
            container = self._containers.get(profile)
            if container is None:
                try:
                    container = self._attach_for_target_user(profile, self._list)
                except CaptureError as error:
                    container = error
                self._containers[profile] = container
        if isinstance(container, CaptureError):
            raise container
        return container

    def run(self, profile: Profile, command: Command) -> tuple[ContainerRef, ExitStatus]:
        """Attach a debug container with ``profile``, run ``command`` in it, and return how it ended.

        The exec that lists the processes also runs the command. Raises the errors of `attach` and of `Api.run`.
        """
        self._require_image()
        status: ExitStatus | None = None

        def list_and_run(ref: ContainerRef) -> str | None:
            nonlocal status
            checked = run_approved(
                self._api, ref, self._listing_command(), lambda output: self._can_run(output, profile), command
            )
            if checked is None:
                return None
            status = checked.status
            return checked.check_output

        ref = self._attach_for_target_user(profile, list_and_run).ref
        if status is None:
            stdio = Stdio(command.stdout, command.stderr, holds_stdin=True)
            status = self._api.run(ref, command.argv, stdio, time_limit_s=command.time_limit_s)
        return ref, status

    @property
    def volume_user(self) -> User:
        """Return the user of the debug container that `attach_to_volumes` attaches."""
        return self._user or NOBODY

    def attach_to_volumes(self) -> ContainerRef:
        """Attach a debug container that mounts the target's volumes but shares no processes: for a crashed target."""
        return self._attach_to_volumes("restricted", self.volume_user)

    def attach_to_volumes_as(self, owner: User) -> ContainerRef | None:
        """Attach another such container, which runs as the ``owner`` of a file; None, with a line, if it cannot start.

        The user of a container that does not run is unknown, unless the pod names it.
        """
        profile, user = effective_profile("restricted", owner)
        if user not in self._volume_containers:
            try:
                self._volume_containers[user] = self._attach_to_volumes(profile, user)
            except CaptureError as error:
                self._report(f"cannot read the files of user {user.uid}: {error}")
                self._volume_containers[user] = None
        return self._volume_containers[user]

    def _attach_to_volumes(self, profile: Profile, user: User) -> ContainerRef:
        debug = self._specify(profile, user, "", self._mounts)
        return self._enter(debug, lambda ref: run_when_ready(self._api, ref))[0]

    def create_pod_copy(self, pod: Json) -> ContainerRef:
        """Create a copy of the target that only sleeps. Raises BadInput if the job does not allow it."""
        if not self._options.copy:
            raise BadInput(f"cannot copy {self._target}", "the job does not allow it", "Set allow_copy.")
        copy = pod_copy(pod, self._target, self._options.image, self._options.lives_s)
        return self._resources.enter_context(run_pod(self._api, copy, self._report))

    def create_node_pod(self) -> ContainerRef:
        """Create a pod that reads the state of the target's node. Raises BadInput if the job does not allow it."""
        options = self._options
        if not options.node_namespace:
            action = f"cannot read the state of node {self._target.node}"
            raise BadInput(action, "the job does not allow it", "Set node_namespace.")
        pod = node_pod(self._target.node, options.node_namespace, options.image, options.lives_s)
        return self._resources.enter_context(run_pod(self._api, pod, self._report))

    def _require_image(self) -> None:
        if not self._options.image:
            action = f"cannot attach a debug container to {self._target}"
            raise BadInput(action, "no debug image is set", "Build deploy/toolbox and set image.")

    def _attach_for_target_user(self, profile: Profile, start: Start) -> AttachedContainer:
        """Attach a debug container that runs as the user of the target's processes. ``start`` lists the processes.

        The pod may not name this user, or the processes may have changed it. In the second case, the restricted
        container cannot read their files, and another one is attached.
        """
        if self._user is None:
            self._report("the pod does not specify its user: looking at its first process")
            self._user = self._read_process_user()
        container = self._attach(profile, self._user, start)
        user = self._changed_user(container.listing, profile)
        if user:
            self._report(f"the processes run as user {user.uid}, not as {self._user.uid}, which the pod specifies")
            self._user = user
            container = self._attach(profile, user, start)
        return container

    def _changed_user(self, listing: Listing, profile: Profile) -> User | None:
        """Return the user of processes whose files the debug container cannot read, if that is another user."""
        user = owner_of_unreadable(listing.processes) if profile == "restricted" else None
        return user if user != self._user else None

    def _can_run(self, output: str, profile: Profile) -> bool:
        """Return whether ``output`` lists the target's processes, and the debug container can read their files."""
        try:
            return self._changed_user(self._parse_listing(output), profile) is None
        except NotRunning:
            return False

    def _attach(self, profile: Profile, target_user: User, start: Start) -> AttachedContainer:
        applied_profile, effective_user = effective_profile(profile, target_user)
        user = None if self._options.run_as == _IMAGE_USER else effective_user
        debug = self._specify(applied_profile, user, self._target.container, ())
        ref, output = self._enter(debug, start)
        return AttachedContainer(ref, profile, self._parse_listing(output))

    def _read_process_user(self) -> User:
        """Return the user of the target's first process, for a pod whose image sets the user.

        Every user can read /proc/PID/status, so a container without privileges can.
        """
        debug = self._specify("restricted", NOBODY, self._target.container, ())
        with attach_container(self._api, self._target, debug, self._report, self._list) as (_, output):
            processes = self._parse_listing(output).processes
        return min(processes, key=lambda process: process.pid).user

    def _enter(self, debug: DebugContainer, start: Start) -> tuple[ContainerRef, str]:
        """Attach ``debug`` until this session ends."""
        return self._resources.enter_context(attach_container(self._api, self._target, debug, self._report, start))

    def _list(self, ref: ContainerRef) -> str | None:
        """Return the listing of the processes and programs that the debug container ``ref`` sees."""
        return run_when_ready(self._api, ref, self._listing_command())

    def _listing_command(self) -> tuple[str, ...]:
        return listing_command(self._target.container_id, self._options.programs)

    def _parse_listing(self, output: str) -> Listing:
        """Return the target's processes. Raises NotRunning if the debug container does not see or recognize them."""
        listing = parse(output, from_debug=True, shares_processes=self._target.shares_processes)
        if listing.ambiguous:
            action = f"cannot identify the processes of {self._target}"
            reason = "the pod shares its processes, and no control group contains the ID of the container"
            raise NotRunning(action, reason, "Only data from the API server can be captured.")
        if not listing.processes:
            reason = "no process is visible" if listing.shared else "the container runtime does not share them"
            raise NotRunning(f"cannot see the processes of {self._target}", reason, "Only exec works there.")
        return listing

    def _specify(self, profile: Profile, user: User | None, container: str, mounts: tuple[Json, ...]) -> DebugContainer:
        options = self._options
        wait_s = options.wait_for_restart_s if container else 0
        return DebugContainer(
            options.image,
            profile,
            user,
            options.lives_s,
            container,
            mounts,
            options.environment,
            options.spec_overrides,
            max(wait_s, 120),
            waits_for_target=bool(wait_s),
        )
