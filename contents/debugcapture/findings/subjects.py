"""All kinds of evidence, the most specific first: the first one that recognizes a file explains it."""

from collections.abc import Sequence
from typing import Any

from .parsers import jvm_threads as jvm_threads_parser
from .parsers import kube as kube_parser
from .rules import jvm_threads, kube
from .subject import Subject

SUBJECTS: Sequence[Subject[Any]] = (
    Subject("Threads of a JVM", jvm_threads_parser.recognize, jvm_threads_parser.parse, jvm_threads.RULES),
    Subject("Pods, events and other Kubernetes objects", kube_parser.recognize, kube_parser.parse, kube.RULES),
)
