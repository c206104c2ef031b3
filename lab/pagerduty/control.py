"""The lab's own addresses: what a test orders, and the requests that came."""

from __future__ import annotations

from flask import Blueprint

from lab.pagerduty.incoming import body, simulator
from lab.pagerduty.model import Json

lab = Blueprint("lab", __name__)


@lab.get("/_requests")
def list_requests() -> Json:
    """The latest requests."""
    return {"requests": simulator().journal.entries()}


@lab.post("/_control")
def control() -> Json:
    """Resets the account, orders failures and limits, creates an incident."""
    order, account = body(), simulator()
    if order.get("reset"):
        account.reset()
    account.limits.order(order)
    if "incident" in order:
        account.create(order["incident"])
    return {"ok": True}
