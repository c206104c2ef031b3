"""k8s-debug-pods: lists pods as Rundeck nodes."""

from dataclasses import dataclass

from ..kube.client import open_api
from ..listings.nodes import read_nodes
from ..model import Outcome
from ..runtime.context import RunContext, spool_of
from ..settings.cluster import ConnectionSettings, NamespacesSettings
from ..settings.listings import NodesSettings
from ..settings.spool import SpoolSettings
from .shared import Step, names_of, printed


@dataclass(frozen=True, kw_only=True)
class NodesStep:
    """Settings of `list_nodes`."""

    connection: ConnectionSettings
    namespaces: NamespacesSettings
    nodes: NodesSettings
    spool: SpoolSettings


def list_nodes(step: NodesStep, context: RunContext) -> Outcome:
    """Print the pods as nodes in Rundeck's JSON format."""
    api, namespaces = open_api(step.connection), names_of(step.namespaces)
    text = read_nodes(api, namespaces, step.nodes, spool_of(step.spool, context), context.report)
    return printed(text, context)


STEP = Step(NodesStep, list_nodes)
