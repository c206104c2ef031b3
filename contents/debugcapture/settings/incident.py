"""Settings of PagerDuty: the incident, its alerts, and the events that start a capture."""

from dataclasses import dataclass
from typing import ClassVar

from .declare import CAPTURE_ID, DAY_S, NAME, Group, setting


@dataclass(frozen=True, kw_only=True)
class IncidentSettings(Group):
    """The PagerDuty incident, and the account that it is in."""

    title: ClassVar[str] = "PagerDuty incident"

    incident_id: str = setting(
        "",
        "Incident ID",
        "The PagerDuty incident that gets the note. Blank: no note.",
        pattern=r"[A-Z0-9]{6,32}",
        nothing="null",  # a webhook's, for an event without an incident
        allowed="capital letters and digits, as in Q1ABCDEFGHIJKL",
    )
    pagerduty_token: str = setting(
        "",
        "PagerDuty API key",
        "User key, account key or OAuth token (pdus+…), kept in Key Storage.",
        secret=True,
        group="PagerDuty: account",
    )
    pagerduty_from: str = setting(
        "",
        "From e-mail",
        "A PagerDuty user's e-mail; an account key needs it.",
        pattern=r"[^@\s]+@[^@\s]+",
        allowed="an e-mail address",
        group="PagerDuty: account",
    )
    pagerduty_url: str = setting(
        "https://api.pagerduty.com",
        "PagerDuty API URL",
        "https://api.eu.pagerduty.com in the EU service region.",
        pattern=r"(https://[^\s/]+|http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?)/?",
        allowed="an https:// URL",
        required=True,
        group="PagerDuty: account",
    )
    pagerduty_field: str = setting(
        "",
        "Custom field for the link",
        "Name of a custom field (URL or text) of incidents that gets the link too, or that of the Rundeck execution "
        "where the link has more than the 200 characters that PagerDuty takes. Blank: none.",
        pattern=r"[a-z0-9_]{1,50}",
        allowed="lower-case letters, digits and underscores",
        group="PagerDuty: more than the note",
    )
    pagerduty_status_update: bool = setting(
        False,
        "Publish a status update",
        "At the end of a capture, to all who subscribed to the incident: it is mailed to them.",
        group="PagerDuty: more than the note",
    )
    pagerduty_integration_key: str = setting(
        "",
        "Integration key for a change event",
        "Of an Events API v2 integration of the service, kept in Key Storage: the end of a capture is then a change "
        "event on its time line, with the link. All that can be told where no API key is to be had. Blank: none.",
        secret=True,
        group="PagerDuty: more than the note",
    )
    pagerduty_ca: str = setting(
        "",
        "CA certificate for PagerDuty",
        "In PEM, kept in Key Storage, where a proxy of yours opens TLS; blank for the system's CAs.",
        secret=True,
        group="PagerDuty: account",
    )


@dataclass(frozen=True, kw_only=True)
class AlertSettings(Group):
    """How alerts are read to find what they are about."""

    title: ClassVar[str] = "Target from the incident's alerts"
    folded: ClassVar[bool] = True

    cluster: str = setting(
        "",
        "Name of this cluster",
        "As alerts name it: alerts about another cluster are left to the Rundeck project of that. Blank: all are ours.",
        pattern=r"[A-Za-z0-9][\w.:/@-]{0,252}",
        allowed="letters, digits and ._:/@-",
    )
    senders: str = setting(
        "",
        "Alert senders of your own",
        "Path of a YAML file with rules that find the pod in alerts; docs/pagerduty.md tells its form.",
    )
    default_namespace: str = setting(
        "default",
        "Namespace of alerts without one",
        "Where to look for the pods of alerts that name no namespace.",
        pattern=NAME,
        allowed="lower-case letters, digits and dashes",
        required=True,
    )


@dataclass(frozen=True, kw_only=True)
class TriggerSettings(Group):
    """Which events of a webhook start a capture."""

    title: ClassVar[str] = "Trigger by alert"

    event_type: str = setting(
        "",
        "Event type",
        "What a webhook says that happened: ${option.event_type}. Blank or manual: somebody runs the job.",
        pattern=r"[\w.-]{1,100}",
        allowed="an event type as PagerDuty names it",
    )
    events: str = setting(
        "incident.triggered,incident.reopened",
        "Events that capture",
        "Event types separated by commas; another one ends the step at once, and well.",
        pattern=r"[\w.-]+(\s*,\s*[\w.-]+)*",
        allowed="event types separated by commas",
    )
    join_s: int = setting(
        600,
        "Join a capture of the last seconds",
        "Where the target comes from the incident: a capture of the same workload that runs, or ended less than this "
        "ago, is linked in this incident too, and none is made. 0: always capture.",
        least=0,
        most=DAY_S,
    )


@dataclass(frozen=True, kw_only=True)
class FailureSettings(Group):
    """What to tell the incident when there is no bundle."""

    title: ClassVar[str] = "Failed capture"

    failure: str = setting(
        "", "Failure", "What to tell the incident when there is no bundle: ${data.summary}. Blank: nothing."
    )
    capture_id: str = setting(
        "",
        "Capture ID",
        "${data.capture_id}: the note that told the start of a capture that failed then tells its end.",
        pattern=CAPTURE_ID,
        allowed="a capture ID",
    )
