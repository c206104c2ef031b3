"""What can be collected: a catalog of tools, and the readers of the Kubernetes API."""
