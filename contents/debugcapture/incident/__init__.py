"""The incident edge: what PagerDuty is told."""
