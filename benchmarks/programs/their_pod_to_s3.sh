#!/bin/sh
# A file from a pod to S3 by way of a file here: Python with awscli, its goal, scratch file, kubectl, kubeconfig, namespace, pod, container, file.
python=$1 goal=$2 scratch=$3 kubectl=$4 kubeconfig=$5 namespace=$6 pod=$7 container=$8 file=$9
"$kubectl" --kubeconfig="$kubeconfig" exec "$pod" --namespace="$namespace" --container="$container" -- cat "$file" \
  >"$scratch" || exit 1
"$python" -m awscli s3 cp --only-show-errors "$scratch" "$goal"
