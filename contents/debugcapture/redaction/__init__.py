"""Masks credentials in text."""
