"""The result of a benchmark, as a table for people and as a line for programs."""

from dataclasses import dataclass

from benchmarks.measure import Measurement


@dataclass(frozen=True)
class Ratio:
    """A figure of the subject, divided by that of the baseline or by a goal. Lower is better."""

    name: str
    measures: str
    subject: float
    baseline: float
    unit: str
    goal: float

    @property
    def value(self) -> float:
        """The ratio itself."""
        return self.subject / self.baseline


def time_and_memory(name: str, subject: Measurement, baseline: Measurement, goal: float) -> tuple[Ratio, Ratio]:
    """Return the ratios of the wall time and of the peak memory, with the same ``goal``."""
    return (
        Ratio(name, "median wall time / baseline", subject.median_s, baseline.median_s, "s", goal),
        Ratio(f"{name}-memory", "peak memory / baseline", subject.peak_mb, baseline.peak_mb, "MB", goal),
    )


@dataclass(frozen=True)
class Result:
    """The measurements of one benchmark, and the ratios that have a goal."""

    title: str
    subject: Measurement
    baseline: Measurement
    ratios: tuple[Ratio, ...]
    transferred_mb: float = 0
    """How much each run transfers. With 0, the table shows no throughput."""
    others: tuple[Measurement, ...] = ()
    """Further programs, measured in turn with the subject and the baseline."""

    @property
    def all(self) -> tuple[Measurement, ...]:
        """All measurements, in the order of the table."""
        return (self.subject, self.baseline, *self.others)

    @property
    def ok(self) -> bool:
        """Whether every output was correct."""
        return all(measurement.ok for measurement in self.all)


def table(result: Result) -> str:
    """Return the measurements as a table, followed by the ratios."""
    speed = f" {'MB/s':>7}" if result.transferred_mb else ""
    width = max(len(measurement.name) for measurement in result.all)
    lines = [result.title, f"  {'':{width}} {'median s':>9} {'min s':>9} {'max s':>9} {'peak MB':>9}{speed}"]
    lines += [_row(measurement, width, result.transferred_mb) for measurement in result.all]
    lines += [
        f"  {ratio.name}: {ratio.measures}: {ratio.value:.2f} (goal: at most {ratio.goal})" for ratio in result.ratios
    ]
    return "\n".join(lines)


def bench_lines(result: Result) -> list[str]:
    """Return a line for each ratio."""
    ok = "true" if result.ok else "false"
    return [
        f"bench {ratio.name} ours={ratio.subject:.3f}{ratio.unit} theirs={ratio.baseline:.3f}{ratio.unit} "
        f"ratio={ratio.value:.3f} peak_mb={result.subject.peak_mb:.1f} ok={ok}"
        for ratio in result.ratios
    ]


def _row(measurement: Measurement, width: int, transferred_mb: float) -> str:
    speed = f" {transferred_mb / measurement.median_s:7.0f}" if transferred_mb else ""
    shortest, longest = min(measurement.wall_s), max(measurement.wall_s)
    return (
        f"  {measurement.name:{width}} {measurement.median_s:9.3f} {shortest:9.3f} {longest:9.3f} "
        f"{measurement.peak_mb:9.1f}{speed}"
    )
