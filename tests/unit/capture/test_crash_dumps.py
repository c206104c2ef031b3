"""crash_dumps.py: the names of dumps are a container's words."""

from __future__ import annotations

import pytest

from debugcapture.capture.crash_dumps import _is_below, bundle_names


def test_names_are_plain_short_and_each_another() -> None:
    paths = ["/var/crash/java_pid1.hprof", "/a/b_c", "/a_b/c", "/..", "/x\x1b[0m\n", "/" + "n" * 400, "/.core"]
    names = bundle_names(paths)
    assert names[:3] == ["var_crash_java_pid1.hprof", "a_b_c.bin", "2-a_b_c.bin"]
    assert len(set(names)) == len(names)
    assert all(name.isascii() and "/" not in name and not name.startswith(".") and len(name) < 160 for name in names)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/data/core.1.html", "data_core_1_html.bin"),
        ("/data/core.1.svg", "data_core_1_svg.bin"),
        ("/data/core.1.html.gz", "data_core_1_html_gz.bin"),
        ("/data/x.php.hprof", "data_x_php.hprof"),
        ("/data/x.html/report1.json", "data_x_html_report1.json"),
        ("/data/v1.2/hs_err_pid7.log", "data_v1_2_hs_err_pid7.log"),
        ("/data/java_pid1.hprof.gz", "data_java_pid1.hprof.gz"),
        ("/data/core", "data_core"),
        ("/data/core.123", "data_core.123"),
        ("/core.123", "core.123"),
        ("/data/app.core", "data_app.core"),
        ("/data/x.html_core", "data_x_html_core"),
        ("/data/score.1", "data_score_1.bin"),
    ],
)
def test_a_name_ends_like_a_dump_and_never_like_a_page(path: str, name: str) -> None:
    assert bundle_names([path]) == [name]


def test_a_name_with_a_number_is_not_given_twice() -> None:
    names = bundle_names(["/2-a.hprof", "/a.hprof", "/a.hprof", "/a.hprof"])
    assert len(set(names)) == len(names)


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
