"""The figures of `bench recall` as lines for a person."""

from __future__ import annotations

from warmline.operations.bench_recall import ANSWER_RANK, CurvePoint, RecallFigures, SetFigures
from warmline.operations.bench_recall_speed import SpeedFigures
from warmline.operations.recall_score import BUDGETS, RANKS


def render(figures: RecallFigures) -> list[str]:
    """Return the lines."""
    lines = [line for each in figures.sets for line in _render_set(each)]
    return lines + (_render_speed(figures.speed) if figures.speed else [])


def _render_set(figures: SetFigures) -> list[str]:
    ranks = zip(RANKS, figures.score.found_by_rank, strict=True)
    budgets = zip(BUDGETS, figures.score.found_by_tokens, strict=True)
    size = f"{figures.files} files, {figures.questions} questions"
    sure = f"without their evidence {figures.auroc_removed:.3f}"
    if figures.auroc_foreign is not None:
        sure += f", other sets' {figures.auroc_foreign:.3f}"
    if figures.auroc_false_premise is not None:
        sure += f", with a false premise {figures.auroc_false_premise:.3f}"
    return [
        f"{figures.name}: {size}, search p50 {figures.p50_ms:.1f} ms, p99 {figures.p99_ms:.1f} ms",
        f"  any evidence first {figures.score.hit:.1%}, recall "
        + ", ".join([f"@{rank} {share:.1%}" for rank, share in ranks])
        + ", "
        + ", ".join([f"@{tokens}tok {share:.2%}" for tokens, share in budgets]),
        f"  AUROC of confidence, own questions against those {sure}",
        f"  confidence  answered  right in {RANKS[ANSWER_RANK]} lines  without evidence  other sets'",
        *map(_render_point, figures.curve),
    ]


def _render_point(point: CurvePoint) -> str:
    return (
        f"  >= {point.threshold:<7.1f} {point.coverage:>8.1%} {point.accuracy:>17.1%}"
        f" {point.removed:>17.1%} {point.foreign:>12.1%}"
    )


def _render_speed(speed: SpeedFigures) -> list[str]:
    times = f"p50 {speed.p50_ms:.2f} ms, p99 {speed.p99_ms:.2f} ms, least {speed.least_ms:.2f} ms"
    build, bare = speed.build_bytes_per_second, speed.bare_bytes_per_second
    return [
        f"{speed.text_bytes / 1e6:.0f} MB of mixed text and code in {speed.files:,} files:",
        f"  search {times} ({speed.questions} questions); the process holds {speed.searching_rss_bytes / 1e6:.0f} MB",
        f"  search within roots by name p50 {speed.scoped_p50_ms:.2f} ms",
        f"  build {build / 1e6:.1f} MB/s, {build / bare:.2f} x tantivy alone ({bare / 1e6:.1f} MB/s)",
        f"  index {speed.index_share:.2f} x the text",
        f"  one changed file, until it is found: {speed.one_changed_file_ms:.0f} ms",
    ]
