"""Links that have expired work again after “Renew links”, from the same note, on each kind of store with such links."""

from __future__ import annotations

import io
import time
import urllib.error
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from debugcapture.bundle.bundle import Bundle, create_bundle
from debugcapture.files import sha256_of
from debugcapture.runtime.context import RunContext
from debugcapture.settings.declare import read
from debugcapture.steps.incident_note import NoteStep, annotate
from debugcapture.steps.open_capture import OpenStep, open_capture
from debugcapture.steps.renew_links import LinksStep, renew
from debugcapture.stores.registry import open_store
from debugcapture.upload.publish import publish_bundle
from lab.demo import artifact as linked_artifact
from lab.demo import links, opened
from lab.stores import AZURE, S3, azure_endpoint, s3_endpoint
from tests.simulator import Simulator, simulator
from tests.stores import azure_lab, s3_lab
from tests.unit.builders import NOON, artifact, manifest, store_settings, written

INCIDENT = "Q1EXPIRED00001"
THREADS = "Full thread dump\n"
SHORT_S = 3

s3_prefix, azure_prefix = s3_lab.prefix, azure_lab.prefix


def s3(prefix: str) -> dict[str, str]:
    assert S3.status() == "up", "needs: python -m lab up s3"
    where = s3_endpoint()
    return {
        "store": f"s3://{where.bucket}/{prefix}",
        "s3_endpoint": where.url,
        "s3_access_key": where.access_key,
        "s3_secret_key": where.secret_key,
    }


def azure(prefix: str) -> dict[str, str]:
    assert AZURE.status() == "up", "needs: python -m lab up azure"
    where = azure_endpoint()
    store = f"azblob://{where.account}/{where.container}/{prefix}"
    return {"store": store, "azure_endpoint": where.url, "azure_key": where.key}


KINDS = {"s3": s3, "azure": azure}


@dataclass
class World:
    """A capture in a store whose links have expired, and the incident with its note."""

    bundle: Bundle
    settings: dict[str, str]
    account: Simulator
    context: RunContext
    lines: list[str]

    def note(self) -> str:
        (text,) = self.account.notes(INCIDENT)
        return text

    def page(self) -> str:
        return links(self.note())[0]


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Simulator]:
    with simulator(tmp_path / "pagerduty") as account:
        account.create(INCIDENT)
        yield account


@pytest.fixture(params=KINDS)
def world(request: pytest.FixtureRequest, account: Simulator, tmp_path: Path) -> World:
    settings = KINDS[request.param](request.getfixturevalue(f"{request.param}_prefix"))
    lines: list[str] = []
    context = RunContext(lines.append, io.BytesIO(), io.BytesIO(), tmp_path / "spool", "7", {})
    bundle = create_bundle(context.spool, "checkout-7d9f-abcde", NOON)
    file = written(bundle.folder, "jvm-threads.txt", THREADS)
    bundle.save(manifest(artifact(bytes=len(THREADS), sha256=sha256_of(file)), capture_id=bundle.folder.name))
    short: Any = settings | {"link_valid_s": SHORT_S}
    publish_bundle(bundle, open_store(store_settings(**short)), settings["store"], context.report)
    annotate(read(NoteStep, account.settings(INCIDENT) | {"bundle": str(bundle.folder)}), context)
    world = World(bundle, settings, account, context, lines)
    wait_until_expired(world.page())
    return world


def wait_until_expired(link: str) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            opened(link)
        except urllib.error.HTTPError as error:
            if error.code in (401, 403):
                return
            raise
        time.sleep(0.5)
    raise AssertionError(f"{link} does not expire")


def test_the_note_opens_again_after_its_links_are_renewed(world: World) -> None:
    old = world.note()
    outcome = renew(
        read(LinksStep, world.settings | world.account.settings("") | {"renew_before_h": "1"}), world.context
    )
    assert outcome.document == {"renewed": [world.bundle.folder.name], "missing": []}, world.lines
    assert linked_artifact(world.page(), "jvm-threads.txt") == THREADS
    assert len(world.account.notes(INCIDENT)) == 1
    changed = ("Evidence: ", "Links open until ")
    assert [line for line in world.note().splitlines() if not line.startswith(changed)] == [
        line for line in old.splitlines() if not line.startswith(changed)
    ]


def test_an_expired_capture_is_opened_by_its_id(world: World) -> None:
    outcome = open_capture(read(OpenStep, world.settings | {"capture": world.bundle.folder.name}), world.context)
    assert linked_artifact(outcome.data["link"], "jvm-threads.txt") == THREADS
