"""Start and end an ephemeral container in each of several pods, and do nothing in it.

Arguments: kubeconfig, image, namespace, label selector, number of pods. Prints a line for each container that ended.
"""

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from debugcapture.kube.auth import connect
from debugcapture.kube.client import Api
from debugcapture.kube.ephemeral_container import DebugContainer, container_spec
from debugcapture.model import User
from debugcapture.settings.cluster import ConnectionSettings

LIMIT_S, POLL_S = 60, 0.1
kubeconfig, image, namespace, selector, count = sys.argv[1:]
api = Api(connect(ConnectionSettings(kubeconfig=kubeconfig, requests_per_s=1000)))
pods = [pod["metadata"]["name"] for pod in api.pods(namespace, selector)][: int(count)]
name = f"empty-{os.getpid()}"
spec = container_spec(name, DebugContainer(image, "restricted", User(1000, 1000), 1, "app"), "") | {"command": ["true"]}
with ThreadPoolExecutor(len(pods)) as pool:
    list(pool.map(lambda pod: api.patch_ephemeral_containers(namespace, pod, spec), pods))

ended: set[str] = set()
for _ in range(int(LIMIT_S / POLL_S)):
    for pod in api.pods(namespace, selector):
        statuses = pod["status"].get("ephemeralContainerStatuses") or []
        if any(status["name"] == name and "terminated" in status["state"] for status in statuses):
            ended.add(pod["metadata"]["name"])
    if len(ended) >= len(pods):
        break
    time.sleep(POLL_S)
for pod_name in sorted(ended):
    print(f"ended {pod_name}")
