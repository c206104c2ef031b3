#!/bin/sh
# The evidence that our preset `standard` takes of shop/checkout, as a script by hand takes it: Python with awscli, its goal,
# scratch folder, kubectl, kubeconfig, image, namespace, workload. Its author knows the container and its user.
python=$1 goal=$2 folder=$3 kubectl=$4 kubeconfig=$5 image=$6 namespace=$7 workload=$8
set -e
mkdir -p "$folder/logs"
debugger=debugger-$$
k() { "$kubectl" --kubeconfig="$kubeconfig" --namespace="$namespace" "$@"; }
inside() { k exec "$pod" --container="$debugger" -- "$@"; }

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
until inside true 2>/dev/null; do :; done
inside jattach 1 threaddump -l >"$folder/jvm-threads.txt"
for command in VM.version VM.uptime VM.flags GC.heap_info; do inside jattach 1 jcmd "$command"; done >"$folder/jvm-info.txt"
inside cat /proc/1/status /proc/1/limits /proc/1/io /proc/loadavg /proc/meminfo >"$folder/processes.txt"
inside ss -tuanpie >"$folder/network.txt"
inside cat /proc/1/net/tcp /proc/1/net/tcp6 /proc/1/net/dev /proc/1/net/route /proc/1/net/snmp \
  /proc/1/root/etc/resolv.conf /proc/1/root/etc/hosts >>"$folder/network.txt"
inside env "RES_OPTIONS=timeout:2 attempts:1" getent ahosts kubernetes.default.svc >>"$folder/network.txt" || true
inside cat /proc/1/mounts >"$folder/disk.txt"
inside stat -f /proc/1/root / /proc/1/root/tmp >>"$folder/disk.txt"
inside jattach 1 inspectheap >"$folder/jvm-heap-histogram.txt"
"$python" -m awscli s3 cp --only-show-errors --recursive "$folder" "$goal"
