"""A PagerDuty account on this machine: incidents, alerts and notes by the documented REST API, and pages for people."""

from lab.pagerduty.part import PART, PagerDutyEndpoint, endpoint

__all__ = ["PART", "PagerDutyEndpoint", "endpoint"]
