"""Presents a bundle to people: a summary and the report page."""
