#!/bin/sh
# Copy a file of a pod to a local file, and upload it to S3:
# Python with awscli, destination, scratch file, kubectl, kubeconfig, namespace, pod, container, file.
python=$1 destination=$2 scratch=$3 kubectl=$4 kubeconfig=$5 namespace=$6 pod=$7 container=$8 file=$9
"$kubectl" --kubeconfig="$kubeconfig" exec "$pod" --namespace="$namespace" --container="$container" -- cat "$file" \
  >"$scratch" || exit 1
"$python" -m awscli s3 cp --only-show-errors "$scratch" "$destination"
