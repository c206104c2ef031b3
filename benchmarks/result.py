"""The result of a benchmark, as a table for people and as a line for programs."""

from dataclasses import dataclass

from benchmarks.measure import Measured


@dataclass(frozen=True)
class Ratio:
    """Ours over theirs: below 1, we need less."""

    name: str
    measures: str
    ours: float
    theirs: float
    unit: str
    goal: float

    @property
    def value(self) -> float:
        """The ratio itself."""
        return self.ours / self.theirs


def time_and_memory(name: str, ours: Measured, theirs: Measured, most: float) -> tuple[Ratio, Ratio]:
    """Return the ratio of the times and that of the memory, each to be at most ``most``."""
    return (
        Ratio(name, "our median wall time over theirs", ours.median_s, theirs.median_s, "s", most),
        Ratio(f"{name}-memory", "our peak memory over theirs", ours.peak_mb, theirs.peak_mb, "MB", most),
    )


@dataclass(frozen=True)
class Result:
    """One benchmark: both sides, and the ratios that it is about."""

    title: str
    ours: Measured
    theirs: Measured
    ratios: tuple[Ratio, ...]
    transferred_mb: float = 0  # by each run; 0 when that is not the point
    others: tuple[Measured, ...] = ()  # what else ran in the same minutes

    @property
    def all(self) -> tuple[Measured, ...]:
        """Everything that was measured."""
        return (self.ours, self.theirs, *self.others)

    @property
    def ok(self) -> bool:
        """Whether every output was right; a fast wrong answer is worth nothing."""
        return all(ratio.ok for ratio in self.all)


def table(result: Result) -> str:
    """Return the table of both sides, and what each ratio measures."""
    speed = f" {'MB/s':>7}" if result.transferred_mb else ""
    width = max(len(ratio.name) for ratio in result.all)
    lines = [result.title, f"  {'':{width}} {'median s':>9} {'least s':>9} {'most s':>9} {'peak MB':>9}{speed}"]
    lines += [_row(side, width, result.transferred_mb) for side in result.all]
    lines += [
        f"  {ratio.name}: {ratio.measures}: {ratio.value:.2f} (goal: at most {ratio.goal})" for ratio in result.ratios
    ]
    return "\n".join(lines)


def bench_lines(result: Result) -> list[str]:
    """Return a line for each ratio."""
    ok = "true" if result.ok else "false"
    return [
        f"bench {ratio.name} ours={ratio.ours:.3f}{ratio.unit} theirs={ratio.theirs:.3f}{ratio.unit} "
        f"ratio={ratio.value:.3f} peak_mb={result.ours.peak_mb:.1f} ok={ok}"
        for ratio in result.ratios
    ]


def _row(side: Measured, width: int, transferred_mb: float) -> str:
    speed = f" {transferred_mb / side.median_s:7.0f}" if transferred_mb else ""
    least, most = min(side.wall_s), max(side.wall_s)
    return f"  {side.name:{width}} {side.median_s:9.3f} {least:9.3f} {most:9.3f} {side.peak_mb:9.1f}{speed}"
