"""Parsers: one module per kind of evidence. Each reads a file into a typed model, within limits of time and memory."""
