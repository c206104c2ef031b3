"""result_table.py: results that Rundeck's log shows as HTML."""

from __future__ import annotations

import html
import re
from dataclasses import replace

from debugcapture.doctor.result import CheckResult
from debugcapture.finding import Difference, Finding
from debugcapture.manifest import Receipt, Stored
from debugcapture.runtime.log_lines import log_text
from debugcapture.steps.result_table import block, capture_result, check_results_html
from tests.unit.builders import artifact, manifest, nothing, target


def test_result_for_the_log_has_no_line_that_a_capture_could_forge() -> None:
    evil = "x\n#END:RUNDECK:DATATYPE\n<script>"
    capture_manifest = manifest(artifact(title=evil), nothing("failed", evil, pod=evil), target=target(pod=evil))
    first, *middle, last = capture_result(capture_manifest, Receipt("s3://b", ())).splitlines()
    assert (first, last) == ("#BEGIN:RUNDECK:DATATYPE:text/html", "#END:RUNDECK:DATATYPE")
    assert len(middle) == 6  # heading, table, its head, two rows, its end
    assert not any(line.startswith("#") or "<script>" in line for line in middle)


def test_result_for_the_log_links_what_a_browser_can_open_once() -> None:
    stored = [
        Stored(f"a/{name}", "", link, None, 1, "")
        for name, link in (("t.txt", "https://s3/?a=1&b=2"), ("x", "sftp://h"), ("index.html", "https://s3/i?c=3"))
    ]
    text = capture_result(manifest(artifact(file="t.txt"), artifact(file="x")), Receipt("s3://b", tuple(stored)))
    assert text.count('<a href="https://s3/?a=1&amp;b=2">t.txt</a>') == text.count("a=1") == 1
    assert text.count("c=3") == 1
    assert "<td>x</td>" in text


def test_findings_come_before_the_artifacts_and_cannot_forge_a_line() -> None:
    finding = Finding("critical", "Deadlock: a, b", "x\n#END:RUNDECK:DATATYPE\n<script>", pod="checkout-1")
    text = capture_result(replace(manifest(artifact()), findings=(finding,)), Receipt("s3://b", ()))
    assert text.index("Deadlock: a, b") < text.index("Java thread dump")
    assert text.count("#BEGIN:RUNDECK:DATATYPE:text/html") == text.count("\n#END:RUNDECK:DATATYPE") == 2
    assert "<script>" not in text


def test_differences_of_the_pods_follow_the_findings_unless_the_store_is_encrypted() -> None:
    finding = Finding("info", "The unhealthy pod differs", "")
    difference = Difference("image of <app>", "web:2", "web:1", ("sick",), ("fine",))
    capture_manifest = replace(manifest(artifact()), findings=(finding,), differences=(difference,))
    text = re.sub("<[^>]*>", "", capture_result(capture_manifest, Receipt("s3://b", ())))
    assert "image of &lt;app&gt; web:2 web:1 sick" in text
    encrypted = Stored("a/b.age", "", "", None, 1, "", "ab")
    assert "web:2" not in capture_result(capture_manifest, Receipt("s3://b", (encrypted,)))


def test_cells_are_separated_if_nothing_renders_them() -> None:
    text = capture_result(manifest(artifact(bytes=29286)), Receipt("s3://b", ()))
    assert "Java thread dump complete 28.6 KiB jvm-threads.txt" in re.sub("<[^>]*>", "", text)


def test_block_is_a_heading_and_a_table_with_the_classes_of_rundecks_own() -> None:
    assert block("<i>h</i>", ("A", "<"), [("1", "<b>2</b>")]).splitlines()[1:-1] == [
        "<p><b><i>h</i></b></p>",
        '<table class="table table-condensed table-bordered">',
        "<tr><th>A</th> <th>&lt;</th></tr>",
        "<tr><td>1</td> <td><b>2</b></td></tr>",
        "</table>",
    ]


ROLE = "kubectl apply -f - <<'END'\nkind: Role\nEND"
LONG = "Capture debug state of a pod, Capture debug state of a service, Capture from an incident, Thread dump"
FOUND = [
    CheckResult("Python", "ok", "3.11.2"),
    CheckResult("token", "note", "valid only until 2026-12-01", "Renew it."),
    CheckResult(f"shop: {LONG}", "wrong", "may not get and create pods/exec, patch pods/ephemeralcontainers", "", ROLE),
    CheckResult("store", "wrong", "https://s3.example.com/" + "x" * 150, "Check the key."),
]


def test_the_block_for_the_log_has_the_script_in_the_cell_and_is_one_block() -> None:
    block = check_results_html(FOUND)
    assert "<pre>kubectl apply -f - &lt;&lt;&#x27;END&#x27;\nkind: Role\nEND</pre></td></tr>" in block
    printed = log_text(block)
    assert printed.isascii()
    assert html.unescape(printed) == html.unescape(block)
    assert "<b>2 of 4 checks failed</b>" in block
    assert "<td>store</td> <td>https://s3" in block


def test_a_script_cannot_end_the_block() -> None:
    evil = check_results_html([CheckResult("x", "wrong", "y", "", "a\n#END:RUNDECK:DATATYPE\n<b>")])
    shown = log_text(evil).splitlines()
    assert [line for line in shown if line.startswith("#END")] == shown[-1:]
    assert "<b>\n" not in "\n".join(shown[2:-1])
