"""pod_upload.py: what a pod uploads directly obeys the size limit and the time limit of its collector."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any, cast

import pytest

from debugcapture.capture.pod_upload import PodUpload
from debugcapture.capture.transfer import RemoteFile
from debugcapture.errors import CommandFailed
from debugcapture.kube.client import Api
from debugcapture.kube.exec_stream import Stdio
from debugcapture.manifest import Stored
from debugcapture.model import ContainerRef, ExitStatus, Json
from debugcapture.stores.presigned import DirectUpload, Original, SignedRequest
from tests.unit.builders import PLACE
from tests.unit.clock import Clock

MIB = 1 << 20
API = cast("Api", None)
SHA256, MD5 = base64.b64encode(b"s" * 32).decode(), base64.b64encode(b"m" * 16).decode()


class Pod:
    """A debug container with a file, whose commands take ``takes_s`` seconds each."""

    def __init__(self, size: int = 100 * MIB, takes_s: float = 1, sums: Json | None = None) -> None:
        self.clock, self._size, self._takes_s = Clock(), size, takes_s
        self._sums = sums or sums_of(size)
        self.commands: list[str] = []
        self.limits_s: list[float] = []

    def run(self, _ref: ContainerRef, argv: Sequence[str], stdio: Stdio, *, time_limit_s: float, **_: Any) -> Any:
        if argv[0] == "stat":
            self.commands.append(argv[0])
            stdio.stdout(memoryview(f"{self._size}\n".encode()))
            return ExitStatus(0)
        self.commands.append(argv[1])
        self.limits_s.append(time_limit_s)
        self.clock.now += self._takes_s
        output = json.dumps(self._sums) if argv[1] == "sums" else "sent 0 tag\n"
        stdio.stdout(memoryview(output.encode()))
        return ExitStatus(0)


class Store:
    """A store that accepts everything."""

    wants_md5 = True

    def __init__(self) -> None:
        self.valid_s = 0
        self.requests = [SignedRequest("https://store", {}, 0, 1)]

    def direct(self, key: str, original: Original, valid_s: int) -> DirectUpload:
        self.valid_s, self._stored = valid_s, Stored(key, "", "", None, original.size, original.sha256)
        return self

    def complete(self, _tags: Sequence[str]) -> Stored:
        return self._stored

    def abandon(self) -> None:
        """Nothing is there."""


def sums_of(size: int, changed: Json | None = None) -> Json:
    piece = {"length": size, "sha256": SHA256, "md5": MD5}
    return {"size": size, "sha256": "ab" * 32, "pieces": [piece], **(changed or {})}


def send(pod: Pod, store: Store | None = None) -> tuple[Stored | None, list[str]]:
    """The result of an upload with limits of 60 seconds and 1 GiB, and what was reported."""
    lines: list[str] = []
    upload = PodUpload(store or Store(), "shop/web/ID", 10 * MIB)
    file = RemoteFile(PLACE, "/data/core.1", "run-tool", 60)
    return upload.send(cast("Api", pod), file, "core.1", 1 << 30, lines.append), lines


def test_a_file_within_its_limits_is_uploaded() -> None:
    pod = Pod()
    stored, _ = send(pod)
    assert stored
    assert (stored.key, stored.bytes) == ("shop/web/ID/core.1", 100 * MIB)
    assert pod.commands == ["stat", "sums", "send"]


def test_a_file_above_its_size_limit_is_not_read() -> None:
    """A container can make a sparse file of a terabyte."""
    pod = Pod(size=1 << 40)
    stored, lines = send(pod)
    assert stored is None
    assert pod.commands == ["stat"]
    assert "more than its size limit of 1,073,741,824" in lines[0]


def test_a_file_that_grows_above_its_size_limit_is_not_uploaded() -> None:
    pod = Pod(sums=sums_of(2 << 30))
    with pytest.raises(CommandFailed, match="grown above its size limit"):
        send(pod)
    assert "send" not in pod.commands


def test_a_small_file_is_streamed() -> None:
    assert send(Pod(size=MIB)) == (None, [])


def test_checksums_and_upload_share_one_time_limit() -> None:
    pod, store = Pod(takes_s=40), Store()
    send(pod, store)
    assert pod.limits_s == [60, 20]
    assert store.valid_s == 20


def test_no_upload_starts_after_the_time_limit() -> None:
    pod = Pod(takes_s=60)
    with pytest.raises(CommandFailed, match="it reached its time limit"):
        send(pod)
    assert pod.commands == ["stat", "sums"]


@pytest.mark.parametrize(
    "changed",
    [
        {"pieces": [{"length": 100 * MIB, "sha256": SHA256}]},
        {"pieces": [{"length": 100 * MIB, "sha256": "", "md5": MD5}]},
        {"pieces": [{"length": 100 * MIB, "sha256": "!", "md5": MD5}]},
        {"pieces": [{"length": 1, "sha256": SHA256, "md5": MD5}]},
        {"pieces": [{"length": -1, "sha256": SHA256, "md5": MD5}]},
        {"pieces": []},
        {"sha256": "x"},
        {"size": 5},
    ],
)
def test_checksums_that_do_not_fit_the_file_are_refused(changed: Json) -> None:
    """A store would accept any content of a piece without a checksum."""
    pod = Pod(sums=sums_of(100 * MIB, changed))
    with pytest.raises(CommandFailed, match="its output cannot be read"):
        send(pod)
