"""Uploads a bundle to its store."""
