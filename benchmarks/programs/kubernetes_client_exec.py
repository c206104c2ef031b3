"""Run a command with the official Python client, as other plugins do: read the pod, run the command, print."""

import sys

from kubernetes import client, config
from kubernetes.stream import stream

kubeconfig, namespace, pod, container, *command = sys.argv[1:]
config.load_kube_config(kubeconfig)
core = client.CoreV1Api()
core.read_namespaced_pod(pod, namespace)
output = stream(
    core.connect_get_namespaced_pod_exec,
    pod,
    namespace,
    container=container,
    command=command,
    stdout=True,
    stderr=True,
    stdin=False,
    tty=False,
)
print(output, end="")
