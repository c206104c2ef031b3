"""What each step of a job is given: its settings, and who runs it."""

from dataclasses import dataclass

from .capture import CaptureSettings, CatalogSettings, RedactionSettings
from .cluster import ConnectionSettings, NamespacesSettings
from .command import CommandSettings
from .debug_container import DebugContainerSettings
from .fleet import InClusterSettings
from .incident import AlertSettings, FailureSettings, IncidentSettings, TriggerSettings
from .listings import ListenSettings, NodesSettings, ValuesSettings
from .restart import GateSettings, RestartSettings
from .result import ResultSettings
from .spool import BundleSettings, SpoolSettings, WatchSettings
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
        """Tell whether the incident's alerts say what to capture, since nobody else does."""
        named = self.target.pod or self.target.workload or self.target.selector
        return bool(self.incident.incident_id) and not named

    @property
    def sampling(self) -> Sampling:
        """Return from how many pods on a sample is enough."""
        return Sampling(self.many.sample_above, self.many.per_workload)

    @property
    def joins(self) -> bool:
        """Tell whether a capture that another alert has started will do."""
        return self.by_incident and self.trigger.join_s > 0


@dataclass(frozen=True, kw_only=True)
class IndexStep:
    """Settings of one index of a Job, `job_index.main`: what a capture in the cluster does with each pod."""

    many: ManyPodsSettings
    capture: CaptureSettings
    debug: DebugContainerSettings
    redaction: RedactionSettings
    spool: SpoolSettings
    store: StoreSettings


@dataclass(frozen=True, kw_only=True)
class IncidentTargetStep:
    """Settings of `find_target`."""

    connection: ConnectionSettings
    incident: IncidentSettings
    alerts: AlertSettings


@dataclass(frozen=True, kw_only=True)
class ExecStep:
    """Settings of `execute`."""

    connection: ConnectionSettings
    target: TargetSettings
    command: CommandSettings


@dataclass(frozen=True, kw_only=True)
class AttachStep:
    """Settings of `attach`."""

    connection: ConnectionSettings
    target: TargetSettings
    command: CommandSettings
    debug: DebugContainerSettings


@dataclass(frozen=True, kw_only=True)
class UploadStep:
    """Settings of `upload`."""

    bundle: BundleSettings
    store: StoreSettings
    result: ResultSettings
    spool: SpoolSettings


@dataclass(frozen=True, kw_only=True)
class DoctorStep:
    """Settings of `diagnose`."""

    connection: ConnectionSettings
    namespaces: NamespacesSettings
    debug: DebugContainerSettings
    spool: SpoolSettings
    store: StoreSettings
    result: ResultSettings
    incident: IncidentSettings


@dataclass(frozen=True, kw_only=True)
class NodesStep:
    """Settings of `list_nodes`."""

    connection: ConnectionSettings
    namespaces: NamespacesSettings
    nodes: NodesSettings
    spool: SpoolSettings


@dataclass(frozen=True, kw_only=True)
class OptionsStep:
    """Settings of `list_values`."""

    connection: ConnectionSettings
    namespaces: NamespacesSettings
    values: ValuesSettings
    spool: SpoolSettings


@dataclass(frozen=True, kw_only=True)
class CollectorsStep:
    """Settings of `list_collectors`."""

    catalog: CatalogSettings
    values: ValuesSettings


@dataclass(frozen=True, kw_only=True)
class OptionsServerStep:
    """Settings of `serve_options`."""

    listen: ListenSettings
    connection: ConnectionSettings
    namespaces: NamespacesSettings
    values: ValuesSettings
    catalog: CatalogSettings


@dataclass(frozen=True, kw_only=True)
class NoteStep:
    """Settings of `annotate`."""

    incident: IncidentSettings
    bundle: BundleSettings
    failure: FailureSettings
    spool: SpoolSettings


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


@dataclass(frozen=True, kw_only=True)
class CapturesStep:
    """Settings of `captures`."""

    spool: SpoolSettings


@dataclass(frozen=True, kw_only=True)
class WatchStep:
    """Settings of `watch`."""

    watch: WatchSettings
    spool: SpoolSettings
