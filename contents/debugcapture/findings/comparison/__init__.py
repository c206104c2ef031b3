"""Compares the unhealthy pods of a capture with its healthy ones."""
