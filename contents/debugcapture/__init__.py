"""Capture the debug state of failing pods, keep it, and link it in the incident."""

__version__ = "0.1.0"
