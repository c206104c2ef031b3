"""crash_dumps.py: the names of dumps are a container's words."""

from __future__ import annotations

import pytest

from debugcapture.capture.crash_dumps import _is_below, bundle_names


def test_names_are_plain_short_and_each_another() -> None:
    paths = ["/var/crash/java_pid1.hprof", "/a/b_c", "/a_b/c", "/..", "/x\x1b[0m\n", "/" + "n" * 400, "/.core"]
    names = bundle_names(paths)
    assert names[:3] == ["var_crash_java_pid1.hprof", "a_b_c", "2-a_b_c"]
    assert len(set(names)) == len(names)
    assert all(name.isascii() and "/" not in name and not name.startswith(".") and len(name) < 160 for name in names)


@pytest.mark.parametrize(
    ("path", "below"),
    [
        ("/vol/core.1", True),
        ("/vol/deep/core.1", True),
        ("/volume/core.1", False),
        ("/proc/self/environ", False),
        ("/vol/../proc/self/environ", False),
        ("/vol/a\rb/core", False),
        ("", False),
    ],
)
def test_only_what_lies_in_the_folders_is_read(path: str, below: bool) -> None:
    assert _is_below(path, ["/vol"]) is below
