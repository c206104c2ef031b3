"""The lab: runs the services that Kubernetes Debug Capture uses on this machine."""
