"""The PagerDuty edge: API, events, outbox and the rules that read alerts."""
