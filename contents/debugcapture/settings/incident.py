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
        "ID of the PagerDuty incident. Its alerts determine the target if the step has no other target, and it "
        "receives the note. Blank: no note.",
        pattern=r"[A-Z0-9]{6,32}",
        nothing="null",  # a webhook's, for an event without an incident
        allowed="capital letters and digits, such as Q1ABCDEFGHIJKL",
    )
    pagerduty_token: str = setting(
        "",
        "PagerDuty API key",
        "User key, account key or OAuth token (pdus+…), from Key Storage.",
        secret=True,
        group="PagerDuty: account",
    )
    pagerduty_from: str = setting(
        "",
        "From e-mail",
        "E-mail address of a PagerDuty user. Required for account keys.",
        pattern=r"[^@\s]+@[^@\s]+",
        allowed="an e-mail address",
        group="PagerDuty: account",
    )
    pagerduty_url: str = setting(
        "https://api.pagerduty.com",
        "PagerDuty API URL",
        "For the EU service region: https://api.eu.pagerduty.com.",
        pattern=r"(https://[^\s/]+|http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?)/?",
        allowed="an https:// URL",
        required=True,
        group="PagerDuty: account",
    )
    pagerduty_field: str = setting(
        "",
        "Custom field for the link",
        "Name of a custom field (URL or text) of incidents that also receives the link. If the link is "
        "longer than 200 characters, it receives the link to the Rundeck execution instead. Blank: none.",
        pattern=r"[a-z0-9_]{1,50}",
        allowed="lower-case letters, digits and underscores",
        group="PagerDuty: other notifications",
    )
    open_job: str = setting(
        "",
        "Job that opens captures",
        "UUID of the job “Open a capture” of this project. The note contains its address, which never expires. "
        "Blank: the note has only the links of the store.",
        pattern=r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
        allowed="the UUID of a job",
        group="PagerDuty: other notifications",
    )
    pagerduty_status_update: bool = setting(
        False,
        "Publish a status update",
        "At the end of a capture, publishes the note as a status update, which PagerDuty e-mails to all "
        "subscribers of the incident.",
        group="PagerDuty: other notifications",
    )
    pagerduty_integration_key: str = setting(
        "",
        "Integration key for a change event",
        "Integration key of an Events API v2 integration, from Key Storage. At the end of a capture, sends a "
        "change event with the link to the timeline of the service. Works without an API key. Blank: no "
        "change event.",
        secret=True,
        group="PagerDuty: other notifications",
    )
    pagerduty_ca: str = setting(
        "",
        "CA certificate for PagerDuty",
        "CA certificate in PEM format, from Key Storage, for a proxy that decrypts TLS. Blank: the CAs of the system.",
        secret=True,
        group="PagerDuty: account",
    )


@dataclass(frozen=True, kw_only=True)
class AlertSettings(Group):
    """How the target is found in the alerts of an incident."""

    title: ClassVar[str] = "Target from the incident's alerts"
    folded: ClassVar[bool] = True

    cluster: str = setting(
        "",
        "Cluster name in alerts",
        "Name that alerts use for this cluster. Alerts about other clusters are ignored. Blank: all alerts "
        "are handled.",
        pattern=r"[A-Za-z0-9][\w.:/@-]{0,252}",
        allowed="letters, digits and ._:/@-",
    )
    senders: str = setting(
        "",
        "Custom alert senders",
        "Path of a YAML file with rules that find the pod in alerts. See docs/pagerduty.md.",
    )
    default_namespace: str = setting(
        "default",
        "Default namespace of alerts",
        "Namespace of the pods in alerts that do not name a namespace.",
        pattern=NAME,
        allowed="lower-case letters, digits and dashes",
        required=True,
    )
    alert_namespaces: str = setting(
        "",
        "Namespaces that alerts may name",
        "Separated by commas. The evidence is linked in the incident of the alert, so list only namespaces whose "
        "evidence all senders of alerts may see. *: all namespaces that the account can read. Blank: only the default "
        "namespace of alerts.",
        pattern=rf"\*|{NAME}(\s*,\s*{NAME})*",
        allowed="names of namespaces, separated by commas, or *",
    )

    def allows(self, namespace: str) -> bool:
        """Return whether alerts may name ``namespace``. The default namespace is always allowed."""
        allowed = {name.strip() for name in self.alert_namespaces.split(",")}
        return "*" in allowed or namespace in {self.default_namespace, *allowed}


@dataclass(frozen=True, kw_only=True)
class TriggerSettings(Group):
    """Which events of a webhook start a capture."""

    title: ClassVar[str] = "Trigger by alert"
    folded: ClassVar[bool] = True

    event_type: str = setting(
        "",
        "Event type",
        "Event type from the webhook: ${option.event_type}. Blank or manual: a user started the job.",
        pattern=r"[\w.-]{1,100}",
        allowed="a PagerDuty event type",
    )
    events: str = setting(
        "incident.triggered,incident.reopened",
        "Events that start a capture",
        "Event types, separated by commas. For other events, the step ends successfully without a capture.",
        pattern=r"[\w.-]+(\s*,\s*[\w.-]+)*",
        allowed="event types, separated by commas",
    )
    dedup_window_s: int = setting(
        600,
        "Deduplication window (s)",
        "If the same workload is being captured, or was captured within this time, links that capture in "
        "this incident instead of starting another. Applies if the target comes from the incident. 0: always "
        "capture.",
        least=0,
        most=DAY_S,
    )


@dataclass(frozen=True, kw_only=True)
class FailureSettings(Group):
    """What the incident receives if there is no bundle."""

    title: ClassVar[str] = "Failed capture"

    failure: str = setting("", "Failure", "Text for the incident if there is no bundle: ${data.summary}. Blank: none.")
    capture_id: str = setting(
        "",
        "Capture ID",
        "ID of the failed capture: ${data.capture_id}. The step updates the note that announced its start.",
        pattern=CAPTURE_ID,
        allowed="a capture ID",
    )
