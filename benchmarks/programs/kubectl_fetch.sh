#!/bin/sh
# Copy a file with kubectl exec cat, and print the checksum of the copy:
# kubectl, kubeconfig, namespace, pod, container, file, destination.
"$1" --kubeconfig="$2" exec "$4" --namespace="$3" --container="$5" -- cat "$6" >"$7" || exit 1
sha256sum "$7" | cut -d ' ' -f 1
