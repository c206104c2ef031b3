#!/bin/sh
# Run a command in a new debug container: kubectl, kubeconfig, image, namespace, pod, container.
kubectl=$1 kubeconfig=$2 image=$3 namespace=$4 pod=$5 container=$6
name=debugger-$$
"$kubectl" --kubeconfig="$kubeconfig" debug "$pod" --namespace="$namespace" --image="$image" --target="$container" \
  --container="$name" --profile=restricted --image-pull-policy=IfNotPresent -- sleep 30 >/dev/null 2>&1 || exit 1
until "$kubectl" --kubeconfig="$kubeconfig" exec "$pod" --namespace="$namespace" --container="$name" -- echo ready 2>/dev/null
do :; done
