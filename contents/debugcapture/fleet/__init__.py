"""Captures many pods by a Job in the cluster."""
