#!/bin/sh
# Read a file of a pod and discard it: kubectl, kubeconfig, namespace, pod, container, file.
exec "$1" --kubeconfig="$2" exec "$4" --namespace="$3" --container="$5" -- cat "$6" >/dev/null
