"""k8s-debug-options-*: list the values of dropdowns."""

from dataclasses import dataclass
from functools import partial

from ..kube.client import IMPATIENT, open_api
from ..listings.cache import Cache, FileStorage
from ..listings.options import FOLDER, Kind, ListQuery, Source, collector_rows, script_text
from ..model import Outcome
from ..runtime.context import RunContext, spool_of
from ..settings.capture import CatalogSettings
from ..settings.cluster import ConnectionSettings, NamespacesSettings
from ..settings.listings import ValuesSettings
from ..settings.spool import SpoolSettings
from .shared import Step, names_of, printed


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


def list_values(kind: Kind, step: OptionsStep, context: RunContext) -> Outcome:
    """Print the values of a dropdown, or the cached ones if the API server is unreachable."""
    storage = FileStorage(spool_of(step.spool, context) / FOLDER, context.report)
    cache = Cache(storage, ttl_s=step.values.cache_ttl_s, timeout_s=step.values.api_timeout_s)
    source = Source(open_api(step.connection, IMPATIENT), cache, step.values.max_values)
    cached = source.read_list(ListQuery(kind, tuple(names_of(step.namespaces))))
    if cached.stale_reason:
        context.report(cached.stale_reason)
    return printed(script_text(cached.rows), context)


def list_collectors(step: CollectorsStep, context: RunContext) -> Outcome:
    """Print the presets and collectors as values of a dropdown."""
    return printed(script_text(collector_rows(step.catalog.catalog, step.values.max_values)), context)


NAMESPACES = Step(OptionsStep, partial(list_values, "namespaces"))
WORKLOADS = Step(OptionsStep, partial(list_values, "workloads"))
PODS = Step(OptionsStep, partial(list_values, "pods"))
COLLECTORS = Step(CollectorsStep, list_collectors)
