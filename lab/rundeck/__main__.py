"""`python -m lab.rundeck run JOBFILE …` and `python -m lab.rundeck probe ZIP`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from lab.part import LabError
from lab.rundeck import JobRun, PluginProbe, probe_plugin, run_job


def main(argv: list[str] | None = None) -> int:
    """Return 0: succeeded or valid; 1: failed or invalid; 2: the run was rejected; 3: the lab has a problem."""
    args = _parser().parse_args(argv)
    try:
        return _run(args) if args.command == "run" else _probe(args)
    except LabError as error:
        print(error, file=sys.stderr)
        return 3


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lab.rundeck", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="run a job of an exported file")
    run.add_argument("job_file", type=Path)
    run.add_argument("--job", help="name, group/name or UUID, when the file holds several")
    run.add_argument("--project", default="lab")
    run.add_argument("--zip", type=Path, action="append", default=[], help="a plugin; may be repeated")
    run.add_argument("-o", "--option", action="append", default=[], metavar="NAME=VALUE")
    run.add_argument("--key", action="append", default=[], metavar="PATH=@FILE", help="a Key Storage password")
    run.add_argument("-p", "--property", action="append", default=[], metavar="NAME=VALUE", help="of the project")
    run.add_argument("--nodes", type=Path, help="resource YAML")
    run.add_argument("--loglevel", default="INFO", choices=("ERROR", "WARN", "INFO", "VERBOSE", "DEBUG"))
    run.add_argument("--abort-after", type=float, metavar="SECONDS")
    probe = commands.add_parser("probe", help="have Rundeck judge a plugin zip")
    probe.add_argument("zip", type=Path)
    probe.add_argument("--rundeck-version", help="judge as this version would")
    return parser


def _run(args: argparse.Namespace) -> int:
    run = run_job(
        args.job_file,
        job=args.job,
        project=args.project,
        options=dict(_pair(o) for o in args.option),
        keys={path: _key_value(value) for path, value in map(_pair, args.key)},
        project_properties=dict(_pair(p) for p in args.property),
        plugins=args.zip,
        nodes=args.nodes,
        loglevel=args.loglevel,
        abort_after_s=args.abort_after,
        echo=True,
    )
    return _show_run(run)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise LabError(f"Write NAME=VALUE instead of {text!r}")
    return name, value


def _key_value(value: str) -> str:
    # a value on the command line is visible in the process list and in the history of the shell
    if not value.startswith("@"):
        raise LabError("Write --key PATH=@FILE: key values are read from files")
    return Path(value[1:]).read_text().removesuffix("\n")


def _show_run(run: JobRun) -> int:
    if run.refused:
        print(run.refused, file=sys.stderr)
        return 2
    for step in run.steps:
        decision = "ok" if step.success else f"{step.reason}: {step.message}"
        print(f"step {step.number} ({step.wall_s:.1f} s): {decision}")
    ending = "succeeded" if run.succeeded else "aborted" if run.aborted else "failed"
    print(f"job {ending} in {run.wall_s:.1f} s")
    return 0 if run.succeeded else 1


def _probe(args: argparse.Namespace) -> int:
    probe = probe_plugin(args.zip, args.rundeck_version)
    _show_probe(probe)
    return 0 if probe.valid else 1


def _show_probe(probe: PluginProbe) -> None:
    print(f"{probe.name} {probe.version}: {probe.state} on Rundeck {probe.rundeck_version}")
    for message in probe.messages:
        print(f"  {message}")
    for provider in probe.providers:
        outcome = provider.error or f"{len(provider.properties)} properties"
        print(f"  {provider.service:20} {provider.name:28} {outcome}")


if __name__ == "__main__":
    sys.exit(main())
