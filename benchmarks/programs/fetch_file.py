"""Fetch a file from a pod and verify it: kubeconfig, namespace, pod, container, file, destination."""

import sys
from pathlib import Path

from debugcapture.bundle.artifact import ArtifactFile
from debugcapture.capture.transfer import RemoteFile, fetch_file
from debugcapture.kube.auth import connect
from debugcapture.kube.client import Api
from debugcapture.model import ContainerRef
from debugcapture.settings.cluster import ConnectionSettings

kubeconfig, namespace, pod, container, path, destination = sys.argv[1:]
api = Api(connect(ConnectionSettings(kubeconfig=kubeconfig)))
with ArtifactFile(Path(destination), 1 << 34) as file:
    remote = RemoteFile(ContainerRef(namespace, pod, container), path, "shell", 600)
    result = fetch_file(api, remote, file, print)
print(file.sha256)
sys.exit(0 if result.integrity == "verified" else 1)
