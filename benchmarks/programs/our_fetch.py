"""Fetch a file, verified: kubeconfig, namespace, pod, container, file, goal."""

import sys
from pathlib import Path

from debugcapture.artifact_file import ArtifactFile
from debugcapture.cluster.api import Api
from debugcapture.cluster.connect import connect
from debugcapture.model import ContainerRef
from debugcapture.settings import ConnectionSettings
from debugcapture.transfer import fetch_file

kubeconfig, namespace, pod, container, path, goal = sys.argv[1:]
api = Api(connect(ConnectionSettings(kubeconfig=kubeconfig)))
with ArtifactFile(Path(goal), 1 << 34) as file:
    brought = fetch_file(api, ContainerRef(namespace, pod, container), path, file, 600, print)
print(file.sha256)
sys.exit(0 if brought.integrity == "verified" else 1)
