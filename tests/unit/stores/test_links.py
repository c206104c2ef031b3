"""Links other than the store's own."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from debugcapture.errors import BadInput
from debugcapture.manifest import Stored
from debugcapture.settings.declare import read
from debugcapture.settings.store import StoreSettings
from debugcapture.steps.upload import UploadStep
from debugcapture.stores.base import Store
from debugcapture.stores.links import evidence_server_links, with_links
from debugcapture.stores.presigned import Original, SignedRequest, TakesDirectly

KEY = "shop/web/20260102T120000Z-web-1a2b/a b&c.txt"
STORED = Stored(KEY, f"s3://captures/team/{KEY}", "https://signed", datetime.now(timezone.utc), 1, "00")


class Plain:
    def put(self, *_: object) -> Stored:
        return STORED


class Direct(Plain):
    wants_md5 = True

    def direct(self, *_: object) -> Direct:
        return self

    @property
    def requests(self) -> list[SignedRequest]:
        return []

    def complete(self, *_: object) -> Stored:
        return STORED

    def abandon(self) -> None:
        """Nothing is there."""


def store_settings(**settings: str) -> StoreSettings:
    return read(UploadStep, settings).store


@pytest.mark.parametrize(
    ("settings", "link"),
    [
        ({}, "https://signed"),
        (
            {"link_base": "https://evidence.example.com/k/"},
            "https://evidence.example.com/k/shop/web/20260102T120000Z-web-1a2b/a%20b%26c.txt",
        ),
        (
            {"link": "console", "s3_region": "eu-central-1"},
            "https://eu-central-1.console.aws.amazon.com/s3/object/captures?region=eu-central-1"
            "&prefix=team%2Fshop%2Fweb%2F20260102T120000Z-web-1a2b%2Fa%20b%26c.txt",
        ),
        (
            {"link": "console"},
            "https://s3.console.aws.amazon.com/s3/object/captures"
            "?prefix=team%2Fshop%2Fweb%2F20260102T120000Z-web-1a2b%2Fa%20b%26c.txt",
        ),
        (
            {"link": "server", "link_server": "https://evidence.example.com/e/", "link_base": "https://other"},
            "https://evidence.example.com/e/c/20260102T120000Z-web-1a2b/a%20b%26c.txt",
        ),
    ],
    ids=["signed", "own base", "console of a region", "console", "evidence server"],
)
@pytest.mark.parametrize("store", [Plain(), Direct()], ids=["streamed", "direct"])
def test_links_are_of_the_configured_kind(store: Any, settings: dict[str, str], link: str) -> None:
    linked: Store = with_links(store, store_settings(store="s3://captures/team", **settings))
    assert isinstance(linked, TakesDirectly) is isinstance(store, Direct)
    stored = linked.put(KEY, Path("x"), "00")
    if isinstance(linked, TakesDirectly):
        assert linked.direct(KEY, Original(0, "", ()), 60).complete([]) == stored
    assert stored.link == link
    assert (stored.expires is None) is bool(settings)


@pytest.mark.parametrize("settings", [{"store": "sftp://u@h/d"}, {"store": "s3://b/p", "s3_endpoint": "http://h"}])
def test_console_that_we_do_not_know_is_refused(settings: dict[str, str]) -> None:
    plain: Any = Plain()
    with pytest.raises(BadInput, match="Set link_base instead"):
        with_links(plain, store_settings(link="console", **settings))


@pytest.mark.parametrize(
    ("key", "link"),
    [
        ("shop/web/20260102T120000Z-web-1a2b/index.html", "https://e/c/20260102T120000Z-web-1a2b"),
        (
            "shop/web/20260102T120000Z-web-1a2b/pod-1/index.html",
            "https://e/c/20260102T120000Z-web-1a2b/pod-1/index.html",
        ),
        ("debug-capture-doctor.txt", "s3://captures/debug-capture-doctor.txt"),
        ("_runs/20260102T120000Z-web-1a2b/job/0.json", "s3://captures/_runs/20260102T120000Z-web-1a2b/job/0.json"),
    ],
)
def test_evidence_server_has_a_short_link_to_the_report_and_none_to_other_files(key: str, link: str) -> None:
    stored = Stored(key, f"s3://captures/{key}", "https://signed", None, 1, "00")
    assert evidence_server_links("https://e")(stored) == link


def test_links_of_an_evidence_server_need_its_url() -> None:
    plain: Any = Plain()
    with pytest.raises(BadInput, match="link_server is missing"):
        with_links(plain, store_settings(store="s3://captures/team", link="server"))
