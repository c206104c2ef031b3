#!/bin/sh
# Collect the evidence of the preset `standard` for shop/checkout with kubectl. The container and the user of the process are known.
# Arguments: Python with awscli, destination, scratch folder, kubectl, kubeconfig, image, namespace, workload.
python=$1 destination=$2 folder=$3 kubectl=$4 kubeconfig=$5 image=$6 namespace=$7 workload=$8
set -e
mkdir -p "$folder/logs"
debugger=debugger-$$
k() { "$kubectl" --kubeconfig="$kubeconfig" --namespace="$namespace" "$@"; }
in_debugger() { k exec "$pod" --container="$debugger" -- "$@"; }

pod=$(k get pods --selector="app=$workload" --output='jsonpath={.items[0].metadata.name}')
k get pod "$pod" --output=yaml >"$folder/pod.yaml"
k describe pod "$pod" >"$folder/pod.txt"
k get events --field-selector="involvedObject.name=$pod" >"$folder/events.txt"
k logs "$pod" --container="$workload" --timestamps >"$folder/logs/$workload.log"
k logs "$pod" --container="$workload" --timestamps --previous >"$folder/logs/$workload.previous.log" 2>&1 || true
k get deployments,replicasets --selector="app=$workload" --output=yaml >"$folder/workload.yaml"
k describe node "$(k get pod "$pod" --output='jsonpath={.spec.nodeName}')" >"$folder/node.txt"

k debug "$pod" --image="$image" --target="$workload" --container="$debugger" --profile=restricted \
  --image-pull-policy=IfNotPresent -- sleep 60 >/dev/null 2>&1
until in_debugger true 2>/dev/null; do :; done
in_debugger jattach 1 threaddump -l >"$folder/jvm-threads.txt"
for command in VM.version VM.uptime VM.flags GC.heap_info; do in_debugger jattach 1 jcmd "$command"; done >"$folder/jvm-info.txt"
in_debugger cat /proc/1/status /proc/1/limits /proc/1/io /proc/loadavg /proc/meminfo >"$folder/processes.txt"
in_debugger ss -tuanpie >"$folder/network.txt"
in_debugger cat /proc/1/net/tcp /proc/1/net/tcp6 /proc/1/net/dev /proc/1/net/route /proc/1/net/snmp \
  /proc/1/root/etc/resolv.conf /proc/1/root/etc/hosts >>"$folder/network.txt"
in_debugger env "RES_OPTIONS=timeout:2 attempts:1" getent ahosts kubernetes.default.svc >>"$folder/network.txt" || true
in_debugger cat /proc/1/mounts >"$folder/disk.txt"
in_debugger stat -f /proc/1/root / /proc/1/root/tmp >>"$folder/disk.txt"
in_debugger jattach 1 inspectheap >"$folder/jvm-heap-histogram.txt"
"$python" -m awscli s3 cp --only-show-errors --recursive "$folder" "$destination"
