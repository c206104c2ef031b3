"""Captures what a pod shows, with tools in it or beside it."""
