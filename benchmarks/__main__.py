"""Run the named benchmarks, or all: `python -m benchmarks [NAME…]`. Exit code 1 means that an output was wrong."""

import argparse
import sys
from collections.abc import Callable, Sequence

from benchmarks import (
    alert_to_link,
    azure_upload,
    capture,
    debug_container,
    exec_stream,
    explain,
    fetch_file,
    fleet,
    many_pods,
    many_targets,
    node_source,
    pod_to_s3,
    redirects,
    s3_upload,
    sftp_upload,
    step_cost,
    thread_dump,
)
from benchmarks.result import Result, bench_lines, table
from lab.part import LabError

BENCHMARKS: dict[str, Callable[[], Result]] = {
    "step-cost": step_cost.run,
    "exec-stream": exec_stream.run,
    "fetch-file": fetch_file.run,
    "debug-container": debug_container.run,
    "capture": capture.run,
    "many-pods": many_pods.run,
    "fleet": fleet.run,
    "many-targets": many_targets.run,
    "node-source": node_source.run,
    "s3-upload": s3_upload.run,
    "pod-to-s3": pod_to_s3.run,
    "pod-to-s3-links": pod_to_s3.run_over_links,
    "sftp-upload": sftp_upload.run,
    "azure-upload": azure_upload.run,
    "alert-to-link": alert_to_link.run,
    "redirects": redirects.run,
    "jvm-thread-dump": thread_dump.run,
    "explain": explain.run,
}


def main(arguments: Sequence[str]) -> int:
    """Run the named benchmarks and print the results."""
    parser = argparse.ArgumentParser(prog="./build.sh bench", description="Compare this project with other tools.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    names = parser.parse_args(arguments).names or list(BENCHMARKS)
    unknown = set(names) - BENCHMARKS.keys()
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}. Known: {', '.join(BENCHMARKS)}")
    results = [_report(BENCHMARKS[name]()) for name in names]
    for result in results:
        print("\n".join(bench_lines(result)))
    return 0 if all(result.ok for result in results) else 1


def _report(result: Result) -> Result:
    print(f"{table(result)}\n", flush=True)
    return result


if __name__ == "__main__":
    try:
        raise SystemExit(main(sys.argv[1:]))
    except LabError as error:
        raise SystemExit(f"Error: {error}") from None
