"""All kinds of evidence, the most specific first: the first one that recognizes a file explains it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from .logs import LOG, log_subject
from .messages import Message, included_messages
from .parsers import (
    disk_file,
    kube_last_words,
    kube_merge,
    metrics_file,
    network_file,
    process_file,
    profile,
    release_diff,
)
from .parsers import dotnet_counters as dotnet_counters_parser
from .parsers import dotnet_heap as dotnet_heap_parser
from .parsers import dotnet_stacks as dotnet_stacks_parser
from .parsers import goroutines as goroutines_parser
from .parsers import jvm_gc_log as jvm_gc_log_parser
from .parsers import jvm_heap as jvm_heap_parser
from .parsers import jvm_histogram as jvm_histogram_parser
from .parsers import jvm_hs_err as jvm_hs_err_parser
from .parsers import jvm_native_memory as jvm_native_memory_parser
from .parsers import jvm_threads as jvm_threads_parser
from .parsers import kube as kube_parser
from .parsers import native_stacks as native_stacks_parser
from .parsers import node_report as node_report_parser
from .parsers import node_stacks as node_stacks_parser
from .parsers import pcap as pcap_parser
from .parsers import python_stacks as python_stacks_parser
from .parsers import script_stacks as script_stacks_parser
from .pictures import meters, moments, profiles, rankings, threads
from .rules import (
    disk,
    dotnet_counters,
    dotnet_heap,
    dotnet_stacks,
    goroutines,
    jvm_gc_log,
    jvm_heap,
    jvm_histogram,
    jvm_hs_err,
    jvm_native_memory,
    jvm_threads,
    kube,
    metrics,
    native_stacks,
    network,
    node_report,
    node_stacks,
    packets,
    process_limits,
    python_stacks,
    release,
    script_stacks,
)
from .subject import Subject

_KUBERNETES = Subject(
    "Pods, events and other Kubernetes objects",
    kube_parser.recognize,
    kube_parser.parse,
    kube.RULES,
    picture=moments.cluster_moments,
    merge=kube_merge.merged,
)
_LAST_WORDS = replace(  # a log adds to what is known of its pod, and is explained as a log too
    _KUBERNETES,
    recognize=kube_last_words.recognize,
    parse=kube_last_words.parse,
    is_mixed=kube_last_words.recognize,
)
SUBJECTS: Sequence[Subject[Any]] = (
    Subject("Captured packets", pcap_parser.recognize, pcap_parser.parse, packets.RULES, has_names_only=True),
    Subject("Profile", profile.recognize, profile.parse, (), picture=profiles.profile_stacks, has_names_only=True),
    Subject(
        "Crash of a JVM",
        jvm_hs_err_parser.recognize,
        jvm_hs_err_parser.parse,
        jvm_hs_err.RULES,
        jvm_hs_err_parser.is_mixed,
    ),
    Subject(
        "Threads of a JVM",
        jvm_threads_parser.recognize,
        jvm_threads_parser.parse,
        jvm_threads.RULES,
        jvm_threads_parser.is_mixed,
        threads.java_threads,
    ),
    Subject(
        "Java heap histogram",
        jvm_histogram_parser.recognize,
        jvm_histogram_parser.parse,
        jvm_histogram.RULES,
        picture=rankings.heap_classes,
    ),
    Subject(
        "Log of a Java garbage collector",
        jvm_gc_log_parser.recognize,
        jvm_gc_log_parser.parse,
        jvm_gc_log.RULES,
        jvm_gc_log_parser.is_mixed,
    ),
    Subject(
        "Native memory of a JVM",
        jvm_native_memory_parser.recognize,
        jvm_native_memory_parser.parse,
        jvm_native_memory.RULES,
    ),
    Subject("Java heap", jvm_heap_parser.recognize, jvm_heap_parser.parse, jvm_heap.RULES, picture=meters.heap_usage),
    _KUBERNETES,
    _LAST_WORDS,
    Subject(
        "Goroutines",
        goroutines_parser.recognize,
        goroutines_parser.parse,
        goroutines.RULES,
        goroutines_parser.is_mixed,
        threads.goroutines,
    ),
    Subject(
        "Processes and limits",
        process_file.recognize,
        process_file.parse,
        process_limits.RULES,
        picture=meters.process_limits,
    ),
    Subject(
        "Network connections",
        network_file.recognize,
        network_file.parse,
        network.RULES,
        picture=rankings.connections,
    ),
    Subject("Disks", disk_file.recognize, disk_file.parse, disk.RULES, picture=meters.disk_usage),
    Subject(
        "Usage of containers",
        metrics_file.recognize,
        metrics_file.parse,
        metrics.RULES,
        picture=meters.container_usage,
    ),
    Subject("Changes of a release", release_diff.recognize, release_diff.parse, release.RULES),
    Subject(
        "Python threads",
        python_stacks_parser.recognize,
        python_stacks_parser.parse,
        python_stacks.RULES,
        picture=threads.python_threads,
    ),
    Subject(
        "Node.js report",
        node_report_parser.recognize,
        node_report_parser.parse,
        node_report.RULES,
        picture=meters.node_usage,
    ),
    Subject("Node.js stack", node_stacks_parser.recognize, node_stacks_parser.parse, node_stacks.RULES),
    Subject(
        ".NET threads",
        dotnet_stacks_parser.recognize,
        dotnet_stacks_parser.parse,
        dotnet_stacks.RULES,
        picture=threads.net_threads,
    ),
    Subject(".NET heap histogram", dotnet_heap_parser.recognize, dotnet_heap_parser.parse, dotnet_heap.RULES),
    Subject(".NET counters", dotnet_counters_parser.recognize, dotnet_counters_parser.parse, dotnet_counters.RULES),
    Subject(
        "Native stacks",
        native_stacks_parser.recognize,
        native_stacks_parser.parse,
        native_stacks.RULES,
        picture=threads.native_threads,
    ),
    Subject(
        "Ruby and PHP stacks",
        script_stacks_parser.recognize,
        script_stacks_parser.parse,
        script_stacks.RULES,
        picture=threads.script_stacks,
    ),
    LOG,  # any text is a log, so this is the last
)


def subjects_with(messages: Sequence[Message]) -> Sequence[Subject[Any]]:
    """Return all kinds of evidence. Logs also know ``messages``; they replace included ones with the same ID."""
    own = {message.id: message for message in (*included_messages(), *messages)}
    return (*SUBJECTS[:-1], log_subject(tuple(own.values())))
