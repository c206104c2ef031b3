"""Tests that together run each exported job, for modules that define a `project`: `import *` adds the tests."""

from __future__ import annotations

from tests.rundeck.test_jobs import (
    test_a_command_ends_with_its_own_exit_code,
    test_a_deadlock_without_a_shell_is_linked_in_the_incident,
    test_a_diagnostic_command_is_one_of_the_list,
    test_a_heap_dump_is_captured_when_the_operator_confirms,
    test_a_network_capture_that_the_namespace_forbids_fails_and_stores_the_rest,
    test_a_thread_dump_captures_nothing_else_and_its_result_is_a_table_with_links,
    test_a_toolbox_command_runs_beside_a_container_without_a_shell,
    test_captures_that_wait_are_sent_by_their_own_job,
    test_links_of_a_note_are_renewed_in_place,
    test_logs_and_events_touch_no_pod,
    test_memory_is_captured_only_above_the_limit_that_is_set,
    test_stored_files_are_removed_from_the_spool,
    test_the_installation_is_checked_by_its_own_job,
    test_the_note_leads_to_the_job_that_signs_fresh_links,
    test_the_pods_of_a_service_are_captured_in_parallel,
)
from tests.rundeck.test_restart import (
    restart_jobs,
    service,
    test_a_bad_release_is_captured_then_rolled_back,
    test_a_service_is_captured_then_restarted_and_the_incident_gets_both_notes,
)
from tests.rundeck.test_webhook import (
    endpoint,
    hook,
    pagerduty,
    test_an_alert_leads_to_a_link_and_a_second_delivery_does_nothing,
)

__all__ = [
    "test_a_command_ends_with_its_own_exit_code",
    "test_a_deadlock_without_a_shell_is_linked_in_the_incident",
    "test_a_diagnostic_command_is_one_of_the_list",
    "test_a_heap_dump_is_captured_when_the_operator_confirms",
    "test_a_network_capture_that_the_namespace_forbids_fails_and_stores_the_rest",
    "test_the_pods_of_a_service_are_captured_in_parallel",
    "test_a_thread_dump_captures_nothing_else_and_its_result_is_a_table_with_links",
    "test_a_toolbox_command_runs_beside_a_container_without_a_shell",
    "test_captures_that_wait_are_sent_by_their_own_job",
    "test_links_of_a_note_are_renewed_in_place",
    "test_logs_and_events_touch_no_pod",
    "test_memory_is_captured_only_above_the_limit_that_is_set",
    "test_the_installation_is_checked_by_its_own_job",
    "test_the_note_leads_to_the_job_that_signs_fresh_links",
    "test_stored_files_are_removed_from_the_spool",
    "restart_jobs",
    "service",
    "test_a_bad_release_is_captured_then_rolled_back",
    "test_a_service_is_captured_then_restarted_and_the_incident_gets_both_notes",
    "endpoint",
    "hook",
    "pagerduty",
    "test_an_alert_leads_to_a_link_and_a_second_delivery_does_nothing",
]
