"""Restarts a workload after a capture."""
