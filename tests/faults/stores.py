"""Faults of the store and of PagerDuty."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from debugcapture.bundle.bundle import MANIFEST, Bundle
from lab.process import wait_until
from lab.stores import s3_endpoint
from tests.faults.inputs import NOBODY
from tests.faults.lives import make_big
from tests.faults.world import World
from tests.stores.faults import Choose, Fault, Faults, first


def bucket_that_is_missing(world: World) -> None:
    world.change(store="s3://nonexistent/evidence")


def key_that_is_wrong(world: World) -> None:
    world.change(s3_secret_key="wrong-0815")


def nobody_listens(world: World) -> None:
    world.change(s3_endpoint=f"http://{NOBODY}")


def busy_for_a_while(world: World) -> None:
    behind(world, first(4, Fault(refuse=(503, "SlowDown")), "put"))


def answer_that_is_lost(world: World) -> None:
    behind(world, first(2, Fault(lose_answer=True), "put"))


def connection_that_breaks(world: World) -> None:
    world.own_pod()
    make_big(world, 24)
    world.collect("pod-snapshot", "words", "big")
    behind(world, first(3, Fault(reset_after=1 << 20), "part"))


def content_that_is_changed(world: World) -> None:
    """A proxy in front of the store changes the content."""
    behind(world, lambda request: Fault(short=1) if request.does == "head" else None)


def killed_with_the_store(world: World) -> None:
    """The step is killed in the middle of a part, after the capture: no earlier part is sent again."""
    world.own_pod()
    make_big(world, 64)
    world.collect("pod-snapshot", "words", "big")

    def is_captured() -> bool:
        manifests = list(world.spool.glob(f"*/{MANIFEST}"))
        return bool(manifests) and all(Bundle(file.parent).manifest().finished for file in manifests)

    def choose(request: object) -> Fault | None:
        process = world.process
        if getattr(request, "part", 0) != 4 or not process:
            return None
        wait_until("the end of the capture", is_captured, 30)
        return Fault(reset_after=1 << 20, kill=process.pid)

    behind(world, choose)


def pagerduty_that_is_down(world: World) -> None:
    world.change(pagerduty_url=f"http://{NOBODY}")


def pagerduty_with_a_rate_limit(world: World) -> None:
    world.pagerduty.control(rate_limit=2, reset_s=1)


def pagerduty_that_fails(world: World) -> None:
    world.pagerduty.control(fail={"status": 500, "times": 1000})
    world.broken.callback(world.pagerduty.control, heal=True)


def pagerduty_token_that_is_wrong(world: World) -> None:
    world.change(pagerduty_token="wrong-0815")


def incident_that_is_not_there(world: World) -> None:
    world.change(incident_id="QNONEXISTENT00")


def behind(world: World, choose: Callable[..., Fault | None] | Choose) -> None:
    """Put a proxy in front of the store that provokes the faults of ``choose``."""
    parts = urlsplit(s3_endpoint().url)
    proxy = world.broken.enter_context(Faults(parts.hostname or "", parts.port or 80, choose))
    world.change(s3_endpoint=proxy.url)
