"""serialize.py: reading a manifest returns the one that was written, and an error names a wrong field."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any

import pytest

from debugcapture.bundle.serialize import manifest_from, value_from
from debugcapture.manifest import Manifest
from debugcapture.model import ContainerState, User
from tests.unit.builders import artifact, manifest, target


def as_json(value: Any) -> Any:
    def text(part: object) -> str:
        assert isinstance(part, datetime)
        return part.isoformat()

    return json.loads(json.dumps(asdict(value), default=text))


def changed(path: str, value: Any) -> Any:
    """The JSON of a manifest with another value at ``path``: names and indexes, separated by dots."""
    saved = as_json(manifest(artifact()))
    *parents, last = path.split(".")
    part = saved
    for name in parents:
        part = part[int(name)] if name.isdigit() else part[name]
    part[last] = value
    return saved


@pytest.mark.parametrize(
    "capture_manifest",
    [
        manifest(artifact(), artifact(file="", outcome="skipped", reason="no JVM")),
        manifest(finished=None),
        manifest(more_targets=(target(pod="web-2", user=None),), remarks=("a sample",)),
    ],
    ids=["finished", "unfinished", "several pods"],
)
def test_written_values_are_read_unchanged(capture_manifest: Manifest) -> None:
    assert manifest_from(as_json(capture_manifest)) == capture_manifest


def test_a_field_of_a_later_version_is_ignored() -> None:
    assert manifest_from(changed("invented_later", 1)) == manifest(artifact())


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("capture_id", 7, r"manifest\.capture_id"),
        ("started", "yesterday", "yesterday"),
        ("started", "2026-01-02T12:00:00", r"manifest\.started"),
        ("target", [], r"manifest\.target"),
        ("target.user", {"uid": "root", "gid": 0}, r"manifest\.target\.user\.uid"),
        ("artifacts", {}, r"manifest\.artifacts"),
        ("artifacts.0.bytes", True, r"manifest\.artifacts\[0\]\.bytes"),
        ("artifacts.0.outcome", "great", r"manifest\.artifacts\[0\]\.outcome"),
        ("trigger", {"started_by": 1}, r"manifest\.trigger\.started_by"),
    ],
)
def test_a_wrong_field_is_named(path: str, value: Any, field: str) -> None:
    with pytest.raises(ValueError, match=field):
        manifest_from(changed(path, value))


@pytest.mark.parametrize("file", ["/etc/passwd", "../x", "logs/../../x", "a\0b"])
@pytest.mark.parametrize("path", ["artifacts.0.file", "capture_id"])
def test_no_file_is_outside_of_the_bundle(path: str, file: str) -> None:
    with pytest.raises(ValueError, match="is not a valid file name in a bundle"):
        manifest_from(changed(path, file))


def test_a_missing_field_without_a_default_is_named() -> None:
    with pytest.raises(ValueError, match="User has no field gid"):
        value_from(User, {"uid": 1})
    assert value_from(ContainerState, {"phase": "running"}) == ContainerState("running")
