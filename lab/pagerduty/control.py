"""The lab's own endpoints, which control the simulator and list received requests."""

from __future__ import annotations

from flask import Blueprint

from lab.pagerduty.incoming import body, simulator
from lab.pagerduty.model import Json

lab = Blueprint("lab", __name__)


@lab.get("/_requests")
def list_requests() -> Json:
    """Return the latest requests."""
    return {"requests": simulator().journal.entries()}


@lab.post("/_control")
def control() -> Json:
    """Reset the account, request failures and limits, or create an incident."""
    order, account = body(), simulator()
    if order.get("reset"):
        account.reset()
    account.limits.order(order)
    if "incident" in order:
        account.create(order["incident"])
    return {"ok": True}
