"""The assertions that hold for every row of the table."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from debugcapture.bundle.bundle import MANIFEST, PICTURES, RECEIPT, SENT, Bundle, waiting
from debugcapture.bundle.spool import RESERVE
from debugcapture.manifest import PAGE, Artifact, Manifest
from lab.part import LabError
from lab.process import wait_until
from tests.faults.row import KILLED, Row
from tests.faults.world import LIVES_S, MARK, Ended, World

ABORTED = 143
_SECRETS = ("token", "s3_secret_key", "pagerduty_token")
_STACK_TRACE = ("Traceback (most recent call last)", "Please report this bug", '  File "', "Exception ignored")
_OURS = {MANIFEST, PICTURES, RECEIPT, SENT, PAGE, RESERVE}


@dataclass(frozen=True)
class RowResult:
    """The result of a fault, for the page."""

    line: str  # the line that the user reads
    evidence: str  # the place of the evidence, in words


def check(row: Row, ended: Ended, world: World) -> RowResult:
    """Check every assertion about a step with the fault of ``row``, and about the next run."""
    line = require_line(row, ended)
    require_no_secret(ended, world)
    before = Kept(world)
    assert before.status == row.status, (before.status, ended.lines)
    before.require_complete()
    assert bool(before.waiting) == row.waits, ended.lines
    if row.waits and row.exit_code not in (ABORTED, KILLED):
        assert str(before.waiting[0].folder) in line
    require_no_process(world)
    after = next_run(row, world)
    after.require_complete(recovered=True)
    after.require(world.arrived)
    require_no_leftover(world)
    return RowResult(line, before.words(row) + (", uploaded by the next run" if row.waits else ""))


def require_line(row: Row, ended: Ended) -> str:
    """Assert exit code and line, and return the line."""
    assert ended.exit_code == row.exit_code, ended.lines
    assert not [line for line in ended.lines if any(words in line for words in _STACK_TRACE)], ended.lines
    fails = row.exit_code not in (0, ABORTED, KILLED)
    assert len(ended.errors) == int(fails), ended.lines
    about = row.names.format(pod=ended.pod, incident=ended.incident)
    lines = ended.errors if fails else [line for line in ended.lines if row.cause in line]
    assert lines, (row.cause, ended.lines)
    line = lines[0]
    for words in (row.cause, row.remedy, about if fails else ""):
        assert words in line, (words, line)
    return line


def require_no_secret(ended: Ended, world: World) -> None:
    """Assert that no secret is in the log."""
    printed = "\n".join(ended.lines)
    assert not [name for name in _SECRETS if world.settings[name] and world.settings[name] in printed]


class Kept:
    """The evidence on the disk and in the store."""

    def __init__(self, world: World) -> None:
        self._objects = world.objects()
        self.bundles = [Bundle(file.parent) for file in sorted(world.spool.glob(f"*/{MANIFEST}"))]
        self.waiting = waiting(world.spool)
        assert len(self.bundles) <= 1
        # Directories that are not bundles: the outbox of notes, and the records of findings and links.
        folders = [path for path in world.spool.glob("[!.]*") if path.is_dir() and path.name != "notes"]
        assert len(folders) == len(self.bundles), folders

    @property
    def manifest(self) -> Manifest:
        """Return the manifest of the one bundle."""
        return self.bundles[0].manifest()

    @property
    def status(self) -> str:
        """Return the bundle's status, "none" without a bundle."""
        return self.manifest.status if self.bundles else "none"

    def require_complete(self, *, recovered: bool = False) -> None:
        """Assert that each artifact is where it should be, byte by byte.

        The next run records the files that a killed capture could not record. There are no other files.
        """
        for bundle in self.bundles:
            manifest = bundle.manifest()
            for saved in manifest.artifacts:
                if saved.file:
                    self._require(bundle, manifest, saved)
            named = {bundle.folder / artifact.file for artifact in manifest.artifacts} | {
                bundle.folder / item for item in _OURS
            }
            others = {path for path in bundle.folder.rglob("*") if path.is_file()} - named
            killed = manifest.finished is None
            assert not others or (killed and not recovered), others
            assert not (bundle.receipt() and (bundle.folder / RESERVE).exists())
            if bundle.receipt():
                assert f"{manifest.key}/{PAGE}" in self._objects
                assert f"{manifest.key}/{MANIFEST}" in self._objects

    def require(self, arrived: set[str]) -> None:
        """Assert that each file exists for which bytes arrived."""
        existing = (
            {Path(artifact.file).name for artifact in self.manifest.artifacts if artifact.bytes}
            if self.bundles
            else set()
        )
        assert arrived <= existing, (arrived, existing)

    def _require(self, bundle: Bundle, manifest: Manifest, artifact: Artifact) -> None:
        file = bundle.folder / artifact.file
        stored = self._objects.get(f"{manifest.key}/{artifact.file}")
        contents = [
            content for content in (file.read_bytes() if file.exists() else None, stored) if content is not None
        ]
        assert contents, f"{artifact.file} is lost"
        for content in contents if bundle.receipt() else contents[:1]:
            assert len(content) == artifact.bytes, artifact
            assert hashlib.sha256(content).hexdigest() == artifact.sha256, artifact

    def words(self, row: Row) -> str:
        """Return where the evidence is, in words for the page."""
        if not self.bundles:
            return "nothing was started"
        stored = [artifact for artifact in self.manifest.artifacts if artifact.file]
        missing = [f"{artifact.title} {artifact.outcome}" for artifact in self.manifest.artifacts
                   if artifact.outcome in ("failed", "truncated")]  # fmt: skip
        where = "in the spool" if row.waits else "in the store"
        count = f"{len(stored)} artifact{'' if len(stored) == 1 else 's'} {where}" if stored else "no artifact"
        unfinished = "" if self.manifest.finished else " and the artifact that was arriving"
        return f"{row.status}: {count}{unfinished}{'; ' + ', '.join(missing) if missing else ''}"


def require_no_process(world: World) -> None:
    """Assert that every process and pod of the capture ends, at its time limit at the latest."""
    wait_until("the end of what was started", lambda: not running(world), LIVES_S + 60)
    assert world.process
    assert not _of_session(world.process.pid), "the step left a process"


def running(world: World) -> list[str]:
    """Return the processes and pods that run in the cluster for the capture."""
    leftovers: list[str] = []
    for namespace in dict.fromkeys([world.namespace, *world.namespaces]):
        for pod in _pods(world, namespace):
            name = pod["metadata"]["name"]
            leftovers += [name] if name.startswith("debug-capture-") else []
            statuses = pod["status"].get("ephemeralContainerStatuses") or []
            leftovers += [f"{name}/{status['name']}" for status in statuses if "running" in status["state"]]
            leftovers += _tools(world, namespace, pod)
    return leftovers


def _pods(world: World, namespace: str) -> list[dict[str, Any]]:
    pods: list[dict[str, Any]] = world.kubectl.json("get", "pods", f"--namespace={namespace}")["items"]
    return pods


def _tools(world: World, namespace: str, pod: dict[str, Any]) -> list[str]:
    """Return the capture's commands in the container of the pod, if it runs and has a shell."""
    name, statuses = pod["metadata"]["name"], pod["status"].get("containerStatuses") or []
    if not any("running" in status["state"] and "toolbox" in status["image"] for status in statuses):
        return []
    look = f"for one in /proc/[0-9]*/cmdline; do tr '\\0' ' ' <$one; echo; done | grep '{MARK[:-1]}[{MARK[-1]}]'; true"
    try:
        log = world.kubectl("exec", name, f"--namespace={namespace}", "--container=app", "--", "sh", "-c", look)
    except LabError:
        return []  # it has just ended
    return [f"{name}: {line[:80]}" for line in log.splitlines() if line.strip()]


def _of_session(session: int) -> list[int]:
    leftovers = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended
        if fields[3] == str(session) and fields[0] not in "ZX":
            leftovers.append(int(folder.name))
    return leftovers


def next_run(row: Row, world: World) -> Kept:
    """Run the next job after the repair: it uploads the waiting bundles and completes the note."""
    evidence = Kept(world)
    if row.waits:
        step_run = world.run("k8s-debug-upload")
        assert step_run.exit_code == 0, step_run.lines
        evidence = Kept(world)
        assert not evidence.waiting
        assert evidence.manifest.artifacts, "what had arrived was not kept"
    if world.incident and evidence.bundles:
        capture_id = evidence.manifest.capture_id
        if row.waits or row.exit_code == 7:
            step_run = world.run("k8s-debug-incident-note", bundle=str(evidence.bundles[0].folder))
            assert step_run.exit_code == 0, step_run.lines
        notes = [note for note in world.pagerduty.notes(world.incident) if capture_id in note]
        assert len(notes) == 1, notes
        assert capture_id in notes[0]
    return evidence


def require_no_leftover(world: World) -> None:
    """Assert that no temporary file is left, and no note waits."""
    assert not [path for path in (world.folder / "tmp").rglob("*") if path.is_file()]
    assert not list(world.spool.rglob("*.part"))
    assert not list(world.spool.rglob("*.age*"))
    assert not list((world.spool / "notes").glob("*.json"))
