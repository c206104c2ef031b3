"""Capture the debug state of failing pods, keep it, and link it in the incident."""

__version__ = "0.1.0"
__date__ = "2026-11-23"  # of this version
