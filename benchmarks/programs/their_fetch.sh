#!/bin/sh
# kubectl exec cat into a file, and its checksum, which nobody compares: kubectl, kubeconfig, namespace, pod, container, file, goal.
"$1" --kubeconfig="$2" exec "$4" --namespace="$3" --container="$5" -- cat "$6" >"$7" || exit 1
sha256sum "$7" | cut -d ' ' -f 1
