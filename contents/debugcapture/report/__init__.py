"""Shows a bundle to people: a summary and a page."""
