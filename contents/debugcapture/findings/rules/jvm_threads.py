"""All rules about the threads of a Java virtual machine."""

from collections.abc import Sequence

from ..parsers.jvm_model import ThreadDumps
from ..subject import Rule
from .jvm_cpu import (
    java_busy_thread,
    java_finalizer_blocked,
    java_gc_uses_cpu,
    java_map_without_lock,
    java_runs_at_same_place,
    java_thread_leak,
    java_threads_summary,
)
from .jvm_deadlocks import behind_java_deadlock, java_class_initialization_deadlock, java_deadlock
from .jvm_frameworks import java_event_loop_blocked, java_swing_thread
from .jvm_io import java_connecting, java_entropy, java_reading, java_resolving
from .jvm_javacore import openj9_crash, openj9_heap, openj9_out_of_memory
from .jvm_locks import java_lock_contention, java_lock_owner_changes, java_read_lock_hang
from .jvm_pools import (
    java_connection_pool_exhausted,
    java_pool_starvation,
    java_queue_full,
    java_semaphore_exhausted,
    java_threads_marked_stuck,
    java_worker_pool_busy,
)
from .jvm_progress import java_cpu_between_dumps, java_same_place_in_all_dumps
from .jvm_startup import java_start_waits
from .jvm_virtual import java_virtual_threads, java_virtual_threads_pinned

RULES: Sequence[Rule[ThreadDumps]] = (
    openj9_out_of_memory,
    openj9_crash,
    java_deadlock,
    behind_java_deadlock,
    java_class_initialization_deadlock,
    java_virtual_threads_pinned,
    java_connection_pool_exhausted,
    java_read_lock_hang,
    java_pool_starvation,
    java_threads_marked_stuck,
    java_start_waits,
    java_lock_contention,
    java_lock_owner_changes,
    java_connecting,
    java_resolving,
    java_entropy,
    java_gc_uses_cpu,
    java_worker_pool_busy,
    java_reading,
    java_finalizer_blocked,
    java_queue_full,
    java_semaphore_exhausted,
    java_swing_thread,
    java_thread_leak,
    java_busy_thread,
    java_runs_at_same_place,
    java_map_without_lock,
    java_event_loop_blocked,
    java_same_place_in_all_dumps,
    java_cpu_between_dumps,
    java_virtual_threads,
    java_threads_summary,
    openj9_heap,
)
