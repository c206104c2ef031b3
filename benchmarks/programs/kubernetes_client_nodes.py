"""List pods as nodes with the official client, as the node source of the official plugin does."""

import json
import sys

from kubernetes import client, config

kubeconfig, namespace = sys.argv[1:]
config.load_kube_config(kubeconfig)
nodes = {}
for pod in client.CoreV1Api().list_namespaced_pod(namespace, watch=False).items:
    name = f"{pod.metadata.namespace}.{pod.metadata.name}"
    nodes[name] = {"nodename": name, "hostname": name, "status": pod.status.phase}
json.dump(nodes, sys.stdout)
