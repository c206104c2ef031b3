"""Turns the models of the parsers into what the pictures of a report show. Pure."""
