"""All kinds of evidence, the most specific first: the first one that recognizes a file explains it."""

from collections.abc import Sequence
from typing import Any

from .subject import Subject

SUBJECTS: Sequence[Subject[Any]] = ()
