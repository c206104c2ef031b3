"""The lab: the services that Kubernetes Debug Capture works with, real and on this machine."""
