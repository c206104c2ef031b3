"""What all unit tests share."""

from __future__ import annotations

from hypothesis import settings

# No deadline: a busy machine is no defect. Few examples: the suite runs after every change.
settings.register_profile("unit", max_examples=25, deadline=None, database=None)
settings.load_profile("unit")
