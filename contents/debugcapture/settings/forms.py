"""The settings of the steps that several packages use; the other steps have theirs in steps/."""

from dataclasses import dataclass

from .capture import CaptureSettings, RedactionSettings
from .cluster import ConnectionSettings
from .debug_container import DebugContainerSettings
from .fleet import InClusterSettings
from .incident import AlertSettings, IncidentSettings, TriggerSettings
from .restart import GateSettings, RestartSettings
from .result import ResultSettings
from .spool import BundleSettings, SpoolSettings
from .store import StoreSettings
from .target import ManyPodsSettings, Sampling, TargetSettings


@dataclass(frozen=True, kw_only=True)
class CaptureStep:
    """Settings of `capture`."""

    connection: ConnectionSettings
    target: TargetSettings
    many: ManyPodsSettings
    in_cluster: InClusterSettings
    capture: CaptureSettings
    debug: DebugContainerSettings
    redaction: RedactionSettings
    spool: SpoolSettings
    store: StoreSettings
    result: ResultSettings
    incident: IncidentSettings
    alerts: AlertSettings
    trigger: TriggerSettings

    @property
    def by_incident(self) -> bool:
        """Return whether the incident's alerts determine the target, because no other setting does."""
        named = self.target.pod or self.target.workload or self.target.selector
        return bool(self.incident.incident_id) and not named

    @property
    def sampling(self) -> Sampling | None:
        """Return when to take a sample and its size; None if every pod is captured."""
        return Sampling(self.many.sample_above, self.many.per_workload) if self.many.sample else None

    @property
    def joins(self) -> bool:
        """Return whether this run may join a capture that another alert has started."""
        return self.by_incident and self.trigger.dedup_window_s > 0


@dataclass(frozen=True, kw_only=True)
class IndexStep:
    """Settings of one index of a Job, fleet/worker.py: what a capture in the cluster does with each pod."""

    many: ManyPodsSettings
    capture: CaptureSettings
    debug: DebugContainerSettings
    redaction: RedactionSettings
    spool: SpoolSettings
    store: StoreSettings


@dataclass(frozen=True, kw_only=True)
class RestartStep:
    """Settings of `restart`."""

    connection: ConnectionSettings
    target: TargetSettings
    restart: RestartSettings
    gate: GateSettings
    bundle: BundleSettings
    incident: IncidentSettings
    spool: SpoolSettings
