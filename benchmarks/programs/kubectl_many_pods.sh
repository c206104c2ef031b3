#!/bin/sh
# Capture snapshot and native stacks of several pods at once:
# kubectl, kubeconfig, image, namespace, label selector, number of pods, folder.
kubectl=$1 kubeconfig=$2 image=$3 namespace=$4 selector=$5 pods=$6 folder=$7
debugger=debugger-$$
k() { "$kubectl" --kubeconfig="$kubeconfig" --namespace="$namespace" "$@"; }

capture() {
  pod=$1
  mkdir -p "$folder/$pod"
  k get pod "$pod" --output=yaml >"$folder/$pod/pod.yaml" || return
  k get events --field-selector="involvedObject.name=$pod" >"$folder/$pod/events.txt" || return
  k logs "$pod" --container=app --timestamps >"$folder/$pod/app.log" || return
  k debug "$pod" --image="$image" --target=app --container="$debugger" --profile=restricted \
    --image-pull-policy=IfNotPresent -- sleep 30 >/dev/null 2>&1 || return
  until k exec "$pod" --container="$debugger" -- true 2>/dev/null; do sleep 0.05; done
  k exec "$pod" --container="$debugger" -- gdb -nx -batch -iex "set sysroot /proc/1/root" \
    -iex "set debuginfod enabled off" -p 1 -ex "thread apply all bt" >"$folder/$pod/native-stacks.txt" 2>&1 || return
  grep -q "^Thread 1" "$folder/$pod/native-stacks.txt" && echo "captured $pod"
}

for pod in $(k get pods --selector="$selector" --output=name | sed 's#pod/##' | head -n "$pods"); do
  capture "$pod" &
done
wait
