"""The table of faults: what breaks, from the settings to the incident, and the result."""

from __future__ import annotations

from debugcapture.errors import EXIT_PARTIAL
from tests.faults import daemons, inputs, lives, machines, refusals, stores
from tests.faults.checker import ABORTED
from tests.faults.row import KILLED, Row

SETTINGS = (
    Row("settings", "the pod's name contains a shell command", inputs.shell_in_the_name, 2,
        "pod must be", "Nothing was changed", "none", names=""),
    Row("settings", "the collector does not exist", inputs.unknown_collector, 2,
        "unknown collector heapdump", "Did you mean jvm-heap-dump", "none"),
    Row("settings", "the catalog file is missing", inputs.no_catalog, 2,
        "cannot read /nonexistent/catalog.yaml", "Set the path of a catalog file", "none"),
    Row("settings", "the store has an unknown kind", inputs.unknown_store, 2,
        "ftp", "", "none", names=""),
    Row("settings", "the secret key of the store is missing", inputs.half_a_key_pair, 2,
        "must be set together", "Set both or none", "none", names=""),
    Row("settings", "the PagerDuty key is missing", inputs.no_pagerduty_token, 2,
        "pagerduty_token is missing", "Set it to a Key Storage path", "none", names="{incident}"),
    Row("settings", "the kubeconfig is not YAML", inputs.kubeconfig_without_meaning, 2,
        "is not YAML", "Correct the cluster connection", "none"),
    Row("settings", "the pod does not exist", inputs.pod_that_is_not_there, 3,
        "no pod", "Pods in the namespace: web", "none"),
    Row("settings", "the container does not exist", inputs.container_that_is_not_there, 3,
        "no container sidecar", "Available: app", "none"),
)  # fmt: skip

CONNECTION = (
    Row("connection", "no server listens at the API server's address", inputs.nobody_listens, 5,
        "Connection refused", "Check the address of the API server", "none"),
    Row("connection", "DNS cannot resolve the API server's name", inputs.no_such_name, 5,
        "resolve", "Check the address of the API server", "none"),
    Row("connection", "the API server accepts the connection but never responds", inputs.server_that_never_answers, 5,
        "did not respond", "Check the address of the API server", "none"),
    Row("connection", "the certificate is from an unknown authority", inputs.authority_that_is_unknown, 5,
        "is not trusted", "Check the CA certificate", "none"),
    Row("connection", "the token has expired", inputs.token_that_has_expired, 4,
        "rejects the credentials", "Renew the token", "none"),
    Row("connection", "the API server rejects the account's requests (429)", refusals.no_room_for_requests, 5,
        "HTTP 429", "to check its flow schema", "none"),
    Row("connection", "the API server rejects requests temporarily (429)",
        refusals.no_room_for_a_while, 0, "Rest: complete"),
    Row("connection", "the proxy is down", inputs.proxy_that_is_down, 5,
        "the proxy cannot connect to the API server", "Check HTTPS_PROXY", "none"),
    Row("connection", "the proxy requires a login", inputs.proxy_that_wants_a_login, 5,
        "407", "Check HTTPS_PROXY", "none"),
)  # fmt: skip

RBAC = (
    Row("RBAC", "the account may not read pods", refusals.may_not("pods"), 4,
        'cannot get resource "pods"', "deploy/rbac/", "none"),
    Row("RBAC", "the account may not read logs", refusals.may_not("pods/log"), EXIT_PARTIAL,
        '"pods/log"', "deploy/rbac/", "partial"),
    Row("RBAC", "the account may not run commands", refusals.may_not("pods/exec"), EXIT_PARTIAL,
        '"pods/exec"', "deploy/rbac/", "partial"),
    Row("RBAC", "the account may not attach debug containers",
        refusals.may_not("pods/ephemeralcontainers"), EXIT_PARTIAL,
        '"pods/ephemeralcontainers"', "deploy/rbac/", "partial"),
    Row("RBAC", "all permissions are revoked during a capture", refusals.right_taken_away_meanwhile, EXIT_PARTIAL,
        "cannot get resource", "deploy/rbac/", "partial"),
    Row("RBAC", "the service account is deleted during a capture", refusals.account_deleted_meanwhile, EXIT_PARTIAL,
        "rejects the credentials", "Renew the token", "partial"),
    Row("RBAC", "the token expires during a capture", daemons.token_that_expires_meanwhile, EXIT_PARTIAL,
        "rejects the credentials", "Renew the token", "partial"),
)  # fmt: skip

ADMISSION = (
    Row("admission", "Pod Security does not allow what a collector needs", refusals.pod_security,
        EXIT_PARTIAL, "PodSecurity", "lower security profile", "partial"),
    Row("admission", "a policy forbids debug containers", refusals.policy_that_denies, EXIT_PARTIAL,
        "not allowed during the freeze", "admission", "partial"),
    Row("admission", "a webhook denies debug containers", refusals.webhook_that_denies, EXIT_PARTIAL,
        "production is frozen until Monday", "admission", "partial"),
    Row("admission", "a required webhook is down", refusals.webhook_that_is_down, EXIT_PARTIAL,
        "failed calling webhook", "webhook", "partial"),
    Row("admission", "the quota allows no more pods", refusals.quota_for_pods, EXIT_PARTIAL,
        "exceeded quota", "quota", "partial"),
)  # fmt: skip

SCHEDULING = (
    Row("scheduling", "the pod cannot be scheduled", refusals.pod_that_nothing_can_run, EXIT_PARTIAL,
        "is not running", "", "partial"),
    Row("image", "the pod's image cannot be pulled", refusals.target_image_that_is_missing, EXIT_PARTIAL,
        "is not running", "", "partial"),
    Row("image", "the debug image cannot be pulled", refusals.debug_image_that_is_missing, EXIT_PARTIAL,
        "ErrImagePull", "Check the name of the debug image", "partial"),
    Row("image", "the debug image has no run-tool", refusals.debug_image_without_run_tool, EXIT_PARTIAL,
        "run-tool", "build the toolbox image of this version", "partial"),
    Row("image", "the debug image is for another processor architecture",
        refusals.debug_image_for_another_processor, EXIT_PARTIAL,
        "did not start", "Check the name of the debug image", "partial"),
)  # fmt: skip

RUNTIME = (
    Row("runtime", "a tool fails", lives.tool_that_fails, EXIT_PARTIAL, "exit code 9: cannot go on", "", "partial"),
    Row("runtime", "a tool hangs", lives.tool_that_hangs, EXIT_PARTIAL, "time limit", "", "partial"),
    Row("runtime", "a tool never stops writing", lives.tool_that_floods, EXIT_PARTIAL, "size limit", "", "partial"),
    Row("runtime", "neither image contains the tool",
        lives.tool_that_is_missing, EXIT_PARTIAL, "no-such-tool", "", "partial"),
    Row("runtime", "the requested file does not exist", lives.file_that_is_not_there, EXIT_PARTIAL,
        "not-there", "", "partial"),
    Row("runtime", "the kernel kills the tool because the container runs out of memory", lives.killed_for_memory,
        EXIT_PARTIAL, "Stream", "", "partial"),
    Row("runtime", "the container is restarted during a capture", lives.restarted, EXIT_PARTIAL,
        "Stream", "", "partial"),
    Row("pod", "the pod has already ended", lives.ended_before, EXIT_PARTIAL,
        "is not running", "", "partial"),
    Row("pod", "one of two pods is deleted while the step waits for its next start",
        lives.deleted_while_waited_for, EXIT_PARTIAL,
        "crashed", "", "partial"),
    Row("pod", "the pod is deleted during a capture", lives.deleted, EXIT_PARTIAL, "Stream", "", "partial"),
    Row("pod", "the pod is replaced during a capture", lives.replaced, EXIT_PARTIAL, "Stream", "", "partial"),
    Row("pod", "the pod is evicted during a capture", lives.evicted, EXIT_PARTIAL, "Stream", "", "partial"),
    Row("pod", "the namespace is deleted during a capture", lives.namespace_deleted, EXIT_PARTIAL,
        "Stream", "", "partial"),
)  # fmt: skip

STREAM = (
    Row("stream", "the stream breaks twice", lives.stream_cut_twice, 0, "resuming after"),
    Row("stream", "the stream stops without being closed", lives.stream_that_goes_silent, EXIT_PARTIAL,
        "time limit", "", "partial"),
    Row("stream", "the network is slow", lives.slow_line, 0, "Big"),
)  # fmt: skip

MACHINE = (
    Row("disk", "the path of the spool is a file", machines.spool_that_is_a_file, 5,
        "Not a directory", "Choose another spool", "none"),
    Row("disk", "the spool's disk is read-only", machines.spool_that_is_read_only, 5,
        "Read-only file system", "Choose another spool", "none"),
    Row("disk", "the disk fills up during a capture", machines.disk_that_becomes_full, EXIT_PARTIAL,
        "the spool is full", "", "partial"),
    Row("disk", "the disk has no free inodes", machines.disk_without_inodes, 5,
        "No space left on device", "Choose another spool", "partial", waits=True),
    Row("disk", "the spool reaches its limit during a capture", machines.spool_limit_reached_meanwhile,
        EXIT_PARTIAL, "spool_limit_mib", "", "partial"),
    Row("disk", "the spool is full before the capture", machines.spool_full_before, 5,
        "24 MiB of at most 32 MiB", "spool_limit_mib", "none"),
    Row("memory", "the step has 160 MiB of memory and fetches 256 MiB", machines.memory_that_is_short, 0, "Big"),
    Row("memory", "the step may open at most 40 files", machines.open_files_that_are_few, 0, "Words"),
    Row("clock", "the clock of the Rundeck server is a day behind, so certificates are not yet valid",
        machines.clock_that_is_behind, 5, "not yet valid", "Correct the clock of this machine", "none"),
    Row("clock", "the clock of the Rundeck server is an hour ahead of the store", machines.clock_that_is_ahead, 6,
        "RequestTimeTooSkewed", "Correct the clock of this machine", "complete", waits=True),
)  # fmt: skip

STORE = (
    Row("store", "the bucket does not exist", stores.bucket_that_is_missing, 6,
        "NoSuchBucket", "Create the bucket", "complete", waits=True),
    Row("store", "the secret key is wrong", stores.key_that_is_wrong, 6,
        "SignatureDoesNotMatch", "Check s3_access_key and s3_secret_key", "complete", waits=True),
    Row("store", "no server listens at the store's address", stores.nobody_listens, 6,
        "Could not connect", "Check s3_endpoint", "complete", waits=True),
    Row("store", "the disk of the store is full", machines.store_disk_that_is_full, 6,
        "No space left on device", "", "complete", waits=True),
    Row("store", "the store saves different data than it was sent", stores.content_that_is_changed, 6,
        "bytes", "Upload it again", "complete", waits=True),
    Row("store", "the store is busy temporarily (503)", stores.busy_for_a_while, 0, "stored in"),
    Row("store", "the responses of the store are lost", stores.answer_that_is_lost, 0, "stored in"),
    Row("store", "connections break during a part", stores.connection_that_breaks, 0, "stored in"),
)  # fmt: skip

NOTE = (
    Row("note", "PagerDuty is down", stores.pagerduty_that_is_down, 7,
        "did not respond", "the next run sends it", "complete", names="{incident}"),
    Row("note", "PagerDuty returns an error (500)", stores.pagerduty_that_fails, 7,
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
    Row("Rundeck", "the job is aborted while a debug container runs a tool",
        machines.aborted_in_the_debug_container, ABORTED,
        "Look", "", "partial", waits=True),
    Row("Rundeck", "kill -9 while a tool runs in the pod", machines.killed, KILLED,
        "capturing ", "", "partial", waits=True),
    Row("Rundeck", "kill -9 while a debug container runs a tool", machines.killed_in_the_debug_container, KILLED,
        "attached debug container", "", "partial", waits=True),
    Row("Rundeck", "kill -9 while the bundle is uploaded", stores.killed_with_the_store, KILLED,
        "Big: complete", "", "complete", waits=True),
)  # fmt: skip

DAEMONS = (
    Row("API server", "it is restarted during a file transfer", daemons.restarted_in_mid_fetch("kube-apiserver"), 0,
        "resuming after"),
    Row("API server", "its certificate is renewed during a capture", daemons.certificate_renewed_meanwhile, 0,
        "stored in"),
    Row("API server", "its certificate authority is replaced during a capture",
        daemons.authority_replaced_meanwhile, EXIT_PARTIAL, "not trusted", "Check the CA", "partial"),
    Row("etcd", "it is restarted during a file transfer", daemons.restarted_in_mid_fetch("etcd"), 0, "Big"),
    Row("etcd", "etcd is unavailable during a capture", daemons.etcd_away_for_a_while, EXIT_PARTIAL,
        "Rest failed", "", "partial"),
    Row("node", "containerd is restarted during a file transfer", daemons.restarted_in_mid_fetch("containerd"), 0,
        "Big"),
    Row("node", "the kubelet is restarted during a file transfer", daemons.restarted_in_mid_fetch("kubelet"), 0,
        "resuming after"),
    Row("node", "the kubelet is down", daemons.node_that_is_gone, EXIT_PARTIAL,
        "The pod's node does not respond", "", "partial"),
    Row("node", "the kubelet stops during a capture", daemons.node_that_goes_meanwhile, EXIT_PARTIAL,
        "Stream truncated", "The pod's node does not respond", "partial"),
)  # fmt: skip

ROWS = (
    *SETTINGS, *CONNECTION, *RBAC, *ADMISSION, *SCHEDULING, *RUNTIME, *STREAM, *MACHINE, *STORE, *NOTE, *RUNDECK,
    *DAEMONS,
)  # fmt: skip
