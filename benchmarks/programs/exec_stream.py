"""Run a command in a pod with the exec stream of debugcapture: kubeconfig, namespace, pod, container, command."""

import sys

from debugcapture.kube import exec_stream
from debugcapture.kube.auth import connect
from debugcapture.kube.client import Api
from debugcapture.model import ContainerRef
from debugcapture.settings.cluster import ConnectionSettings

TIME_LIMIT_S = 600

kubeconfig, namespace, pod, container, *command = sys.argv[1:]
api = Api(connect(ConnectionSettings(kubeconfig=kubeconfig)))
status = exec_stream.run(
    api,
    ContainerRef(namespace, pod, container),
    command,
    exec_stream.Stdio(sys.stdout.buffer.write, sys.stderr.buffer.write),
    time_limit_s=TIME_LIMIT_S,
)
sys.exit(1 if status.code is None else status.code)
