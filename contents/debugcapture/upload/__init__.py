"""Sends a bundle to its store."""
