"""The table of faults: what breaks, on the way of the data from the settings to the incident, and what comes of it."""

from __future__ import annotations

from debugcapture.errors import EXIT_PARTIAL
from tests.faults import daemons, inputs, lives, machines, refusals, stores
from tests.faults.checker import ABORTED
from tests.faults.row import KILLED, Row

SETTINGS = (
    Row("settings", "the pod's name holds a shell command", inputs.shell_in_the_name, 2,
        "pod must be", "Nothing was touched", "none", names=""),
    Row("settings", "a collector that does not exist", inputs.unknown_collector, 2,
        "no collector heapdump", "Did you mean jvm-heap-dump", "none"),
    Row("settings", "the catalog file is missing", inputs.no_catalog, 2,
        "cannot read /nonexistent/catalog.yaml", "Give the path of a catalog file", "none"),
    Row("settings", "a store of an unknown kind", inputs.unknown_store, 2,
        "ftp", "", "none", names=""),
    Row("settings", "half of a key pair for the store", inputs.half_a_key_pair, 2,
        "one pair", "Set both or none", "none", names=""),
    Row("settings", "no PagerDuty key", inputs.no_pagerduty_token, 2,
        "pagerduty_token is missing", "Set its Key Storage path", "none", names="{incident}"),
    Row("settings", "a kubeconfig that is no YAML", inputs.kubeconfig_without_meaning, 2,
        "is not YAML", "Correct the cluster connection", "none"),
    Row("settings", "the pod does not exist", inputs.pod_that_is_not_there, 3,
        "no pod", "Pods there: web", "none"),
    Row("settings", "the container does not exist", inputs.container_that_is_not_there, 3,
        "no container sidecar", "It has: app", "none"),
)  # fmt: skip

CONNECTION = (
    Row("connection", "nobody listens at the API server's address", inputs.nobody_listens, 5,
        "Connection refused", "Check the API server's address", "none"),
    Row("connection", "DNS does not know the API server's name", inputs.no_such_name, 5,
        "resolve", "Check the API server's address", "none"),
    Row("connection", "the API server takes the connection and never answers", inputs.server_that_never_answers, 5,
        "did not answer", "Check the API server's address", "none"),
    Row("connection", "a certificate of an unknown authority", inputs.authority_that_is_unknown, 5,
        "is not trusted", "Check the CA certificate", "none"),
    Row("connection", "the token has expired", inputs.token_that_has_expired, 4,
        "does not accept the credentials", "Renew the token", "none"),
    Row("connection", "the API server has no room for the account's requests", refusals.no_room_for_requests, 5,
        "HTTP 429", "have its flow schema looked at", "none"),
    Row("connection", "the API server has no room for a while", refusals.no_room_for_a_while, 0, "Rest: by exec"),
    Row("connection", "the proxy is down", inputs.proxy_that_is_down, 5,
        "the proxy does not lead to the API server", "Check HTTPS_PROXY", "none"),
    Row("connection", "the proxy wants a login", inputs.proxy_that_wants_a_login, 5,
        "407", "Check HTTPS_PROXY", "none"),
)  # fmt: skip

RBAC = (
    Row("RBAC", "pods may not be read", refusals.may_not("pods"), 4,
        'cannot get resource "pods"', "deploy/rbac/", "none"),
    Row("RBAC", "logs may not be read", refusals.may_not("pods/log"), EXIT_PARTIAL,
        '"pods/log"', "deploy/rbac/", "partial"),
    Row("RBAC", "commands may not be run", refusals.may_not("pods/exec"), EXIT_PARTIAL,
        '"pods/exec"', "deploy/rbac/", "partial"),
    Row("RBAC", "debug containers may not be attached", refusals.may_not("pods/ephemeralcontainers"), EXIT_PARTIAL,
        '"pods/ephemeralcontainers"', "deploy/rbac/", "partial"),
    Row("RBAC", "all rights are taken away while a capture runs", refusals.right_taken_away_meanwhile, EXIT_PARTIAL,
        "cannot get resource", "deploy/rbac/", "partial"),
    Row("RBAC", "the service account is deleted while a capture runs", refusals.account_deleted_meanwhile, EXIT_PARTIAL,
        "does not accept the credentials", "Renew the token", "partial"),
    Row("RBAC", "the token expires while a capture runs", daemons.token_that_expires_meanwhile, EXIT_PARTIAL,
        "does not accept the credentials", "Renew the token", "partial"),
)  # fmt: skip

ADMISSION = (
    Row("admission", "Pod Security does not allow what a collector needs", refusals.pod_security, 0,
        "PodSecurity", "lower security profile"),
    Row("admission", "a policy forbids debug containers", refusals.policy_that_denies, EXIT_PARTIAL,
        "not allowed during the freeze", "admission", "partial"),
    Row("admission", "a webhook denies debug containers", refusals.webhook_that_denies, EXIT_PARTIAL,
        "production is frozen until Monday", "admission", "partial"),
    Row("admission", "a webhook that has to be asked is down", refusals.webhook_that_is_down, EXIT_PARTIAL,
        "failed calling webhook", "webhook", "partial"),
    Row("admission", "the quota allows no other pod", refusals.quota_for_pods, EXIT_PARTIAL,
        "exceeded quota", "quota", "partial"),
)  # fmt: skip

SCHEDULING = (
    Row("scheduling", "no node takes the pod", refusals.pod_that_nothing_can_run, 0, "does not run"),
    Row("image", "the pod's image cannot be pulled", refusals.target_image_that_is_missing, 0, "does not run"),
    Row("image", "the debug image cannot be pulled", refusals.debug_image_that_is_missing, EXIT_PARTIAL,
        "ErrImagePull", "Check the debug image", "partial"),
    Row("image", "the debug image has no run-tool", refusals.debug_image_without_run_tool, EXIT_PARTIAL,
        "run-tool", "build the toolbox of this version", "partial"),
    Row("image", "the debug image is for another processor", refusals.debug_image_for_another_processor, EXIT_PARTIAL,
        "did not start", "Check the debug image", "partial"),
)  # fmt: skip

RUNTIME = (
    Row("runtime", "a tool fails", lives.tool_that_fails, EXIT_PARTIAL, "exit code 9: cannot go on", "", "partial"),
    Row("runtime", "a tool hangs", lives.tool_that_hangs, EXIT_PARTIAL, "time limit", "", "partial"),
    Row("runtime", "a tool never stops writing", lives.tool_that_floods, EXIT_PARTIAL, "size limit", "", "partial"),
    Row("runtime", "the tool is in no image", lives.tool_that_is_missing, EXIT_PARTIAL, "no-such-tool", "", "partial"),
    Row("runtime", "the file that is asked for is not there", lives.file_that_is_not_there, EXIT_PARTIAL,
        "not-there", "", "partial"),
    Row("runtime", "the kernel kills the tool, which needs more memory than the container has", lives.killed_for_memory,
        EXIT_PARTIAL, "Stream", "", "partial"),
    Row("runtime", "the container is restarted while a capture runs", lives.restarted, EXIT_PARTIAL,
        "Stream", "", "partial"),
    Row("pod", "it has ended before", lives.ended_before, 0, "does not run"),
    Row("pod", "one of two is deleted while its next start is waited for", lives.deleted_while_waited_for, EXIT_PARTIAL,
        "crashed", "", "partial"),
    Row("pod", "it is deleted while a capture runs", lives.deleted, EXIT_PARTIAL, "Stream", "", "partial"),
    Row("pod", "it is replaced while a capture runs", lives.replaced, EXIT_PARTIAL, "Stream", "", "partial"),
    Row("pod", "it is evicted while a capture runs", lives.evicted, EXIT_PARTIAL, "Stream", "", "partial"),
    Row("pod", "its namespace is deleted while a capture runs", lives.namespace_deleted, EXIT_PARTIAL,
        "Stream", "", "partial"),
)  # fmt: skip

STREAM = (
    Row("stream", "it is cut twice", lives.stream_cut_twice, 0, "going on after"),
    Row("stream", "it goes silent and nobody closes it", lives.stream_that_goes_silent, EXIT_PARTIAL,
        "time limit", "", "partial"),
    Row("stream", "the line is slow", lives.slow_line, 0, "Big"),
)  # fmt: skip

MACHINE = (
    Row("disk", "the spool's place is a file", machines.spool_that_is_a_file, 5,
        "Not a directory", "Choose another spool", "none"),
    Row("disk", "the spool's disk is read-only", machines.spool_that_is_read_only, 5,
        "Read-only file system", "Choose another spool", "none"),
    Row("disk", "the disk becomes full while a capture runs", machines.disk_that_becomes_full, EXIT_PARTIAL,
        "the spool is full", "", "partial"),
    Row("disk", "the disk has no inode left", machines.disk_without_inodes, 5,
        "No space left on device", "Choose another spool", "partial", waits=True),
    Row("disk", "the spool's limit is reached while a capture runs", machines.spool_limit_reached_meanwhile,
        EXIT_PARTIAL, "spool_limit", "", "partial"),
    Row("disk", "the spool is full before", machines.spool_full_before, 5,
        "24 MiB of 32 MiB", "spool_limit", "none"),
    Row("memory", "the step has 160 MiB, and fetches 256", machines.memory_that_is_short, 0, "Big"),
    Row("memory", "the step may not open more than 40 files", machines.open_files_that_are_few, 0, "Words"),
    Row("clock", "Rundeck's machine is a day behind, so that certificates are not yet valid",
        machines.clock_that_is_behind, 5, "not yet valid", "Set this machine's clock", "none"),
    Row("clock", "Rundeck's machine is an hour ahead of the store", machines.clock_that_is_ahead, 6,
        "RequestTimeTooSkewed", "Set this machine's clock", "complete", waits=True),
)  # fmt: skip

STORE = (
    Row("store", "the bucket does not exist", stores.bucket_that_is_missing, 6,
        "NoSuchBucket", "Create the bucket", "complete", waits=True),
    Row("store", "the secret key is wrong", stores.key_that_is_wrong, 6,
        "SignatureDoesNotMatch", "Check s3_access_key and s3_secret_key", "complete", waits=True),
    Row("store", "nobody listens there", stores.nobody_listens, 6,
        "Could not connect", "Check s3_endpoint", "complete", waits=True),
    Row("store", "its disk is full", machines.store_disk_that_is_full, 6,
        "No space left on device", "", "complete", waits=True),
    Row("store", "it keeps something else than it was sent", stores.content_that_is_changed, 6,
        "bytes", "send it again", "complete", waits=True),
    Row("store", "it is busy for a while (503)", stores.busy_for_a_while, 0, "stored in"),
    Row("store", "its answers get lost", stores.answer_that_is_lost, 0, "stored in"),
    Row("store", "connections break in the middle of a part", stores.connection_that_breaks, 0, "stored in"),
)  # fmt: skip

NOTE = (
    Row("note", "PagerDuty is down", stores.pagerduty_that_is_down, 7,
        "did not answer", "the next run sends it", "complete", names="{incident}"),
    Row("note", "PagerDuty fails (500)", stores.pagerduty_that_fails, 7,
        "HTTP 500", "the next run sends it", "complete", names="{incident}"),
    Row("note", "PagerDuty limits the rate (429)", stores.pagerduty_with_a_rate_limit, 0, "note"),
    Row("note", "the PagerDuty key is wrong (401)", stores.pagerduty_token_that_is_wrong, 7,
        "HTTP 401", "Check the API key", "complete", names="{incident}"),
    Row("note", "the incident does not exist (404)", stores.incident_that_is_not_there, 7,
        "HTTP 404", "Check the incident's ID", "complete", names="QNONEXISTENT00"),
)  # fmt: skip

RUNDECK = (
    Row("Rundeck", "the job is aborted while a tool runs in the pod", machines.aborted, ABORTED,
        "Stream", "", "partial", waits=True),
    Row("Rundeck", "the job is aborted while a debug container works", machines.aborted_in_the_debug_container, ABORTED,
        "Look", "", "partial", waits=True),
    Row("Rundeck", "kill -9 while a tool runs in the pod", machines.killed, KILLED,
        "Stream", "", "partial", waits=True),
    Row("Rundeck", "kill -9 while a debug container works", machines.killed_in_the_debug_container, KILLED,
        "Look", "", "partial", waits=True),
    Row("Rundeck", "kill -9 while the bundle is sent", stores.killed_with_the_store, KILLED,
        "stored", "", "complete", waits=True),
)  # fmt: skip

DAEMONS = (
    Row("API server", "it is restarted while a file is fetched", daemons.restarted_in_mid_fetch("kube-apiserver"), 0,
        "going on after"),
    Row("API server", "its certificate is renewed while a capture runs", daemons.certificate_renewed_meanwhile, 0,
        "stored in"),
    Row("API server", "its certificate authority is replaced while a capture runs",
        daemons.authority_replaced_meanwhile, EXIT_PARTIAL, "not trusted", "Check the CA", "partial"),
    Row("etcd", "it is restarted while a file is fetched", daemons.restarted_in_mid_fetch("etcd"), 0, "Big"),
    Row("etcd", "it is away while a capture runs", daemons.etcd_away_for_a_while, EXIT_PARTIAL,
        "Rest failed", "", "partial"),
    Row("node", "containerd is restarted while a file is fetched", daemons.restarted_in_mid_fetch("containerd"), 0,
        "Big"),
    Row("node", "the kubelet is restarted while a file is fetched", daemons.restarted_in_mid_fetch("kubelet"), 0,
        "going on after"),
    Row("node", "the kubelet is gone", daemons.node_that_is_gone, EXIT_PARTIAL,
        "The pod's node does not answer", "", "partial"),
    Row("node", "the kubelet goes while a capture runs", daemons.node_that_goes_meanwhile, EXIT_PARTIAL,
        "Stream truncated", "The pod's node does not answer", "partial"),
)  # fmt: skip

ROWS = (
    *SETTINGS, *CONNECTION, *RBAC, *ADMISSION, *SCHEDULING, *RUNTIME, *STREAM, *MACHINE, *STORE, *NOTE, *RUNDECK,
    *DAEMONS,
)  # fmt: skip
