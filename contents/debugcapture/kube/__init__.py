"""The Kubernetes edge: connect, read, run, attach."""
