"""k8s-debug-options-server: serves the values of dropdowns over HTTP."""

from dataclasses import dataclass

from ..kube.client import IMPATIENT, open_api
from ..listings.options import collector_rows
from ..listings.server import ServiceOptions, create_service
from ..model import Outcome
from ..runtime.context import RunContext
from ..serving.http import serve
from ..settings.capture import CatalogSettings
from ..settings.cluster import ConnectionSettings, NamespacesSettings
from ..settings.listings import ListenSettings, ValuesSettings
from .shared import Step, names_of


@dataclass(frozen=True, kw_only=True)
class OptionsServerStep:
    """Settings of `serve_options`."""

    listen: ListenSettings
    connection: ConnectionSettings
    namespaces: NamespacesSettings
    values: ValuesSettings
    catalog: CatalogSettings


def serve_options(step: OptionsServerStep, context: RunContext) -> Outcome:
    """Serve the values of dropdowns over HTTP until the process receives a signal."""
    values = step.values
    collectors = tuple(collector_rows(step.catalog.catalog, values.max_values))
    options = ServiceOptions(
        tuple(names_of(step.namespaces)), collectors, values.max_values, values.cache_ttl_s, values.api_timeout_s
    )
    api = open_api(step.connection, IMPATIENT)
    serve(create_service(api, step.listen, options, context.report), step.listen.listen)
    return Outcome(0)


STEP = Step(OptionsServerStep, serve_options)
