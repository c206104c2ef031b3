"""A PagerDuty account on this machine: incidents, alerts and notes with the documented REST API and a web page."""

from lab.pagerduty.part import PART, PagerDutyEndpoint, endpoint

__all__ = ["PART", "PagerDutyEndpoint", "endpoint"]
