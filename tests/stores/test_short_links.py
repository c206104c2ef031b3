"""A role signs links that end with its credentials: the step that stores a capture and the doctor report it."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from debugcapture.doctor.checks import _store
from debugcapture.runtime.context import RunContext
from debugcapture.settings.declare import read
from debugcapture.steps.upload import UploadStep, upload
from tests.stores.amazon_roles import token_service
from tests.stores.s3_servers import moto
from tests.unit.steps.support import make_bundle

ROLE = "arn:aws:iam::123456789012:role/captures"


def test_links_of_a_role_that_end_early_are_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    context = RunContext(lines.append, io.BytesIO(), io.BytesIO(), tmp_path / "spool", "7", {})
    bundle = make_bundle(context)
    with moto() as amazon, token_service("") as tokens:
        amazon.client.create_bucket(Bucket="captures")
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", tokens)
        settings = {"store": "s3://captures/debug", "s3_endpoint": amazon.url, "s3_role": ROLE}
        settings |= {"s3_access_key": "AKIAEXAMPLE", "s3_secret_key": "s"}
        step = read(UploadStep, settings | {"bundle": str(bundle.folder)})
        assert upload(step, context).exit_code == 0
        results = list(_store(cast("Any", SimpleNamespace(store=step.store))))
        assert upload(step, context).exit_code == 0
    (line,) = [line for line in lines if line.startswith("links open only until")]
    assert "because the credentials that sign them expire then. For a longer lifetime," in line
    (result,) = [result for result in results if result.check == "lifetime of links"]
    assert result.verdict == "note"
    assert "set link to server" in str(result)
