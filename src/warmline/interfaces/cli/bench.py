"""`bench bus`, `line`, `recall`, `redaction`, `waiters`: figures with units, beside the floor of their run."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from warmline.errors import InvalidInputError
from warmline.interfaces.cli import bench_mcp, bench_transports, bench_warm
from warmline.interfaces.cli.arguments import add_json, whole
from warmline.interfaces.cli.commands import Commands
from warmline.interfaces.cli.output import hint, show_json

if TYPE_CHECKING:
    from warmline.operations.bench_apart import ApartFigure
    from warmline.operations.bench_bus import BusFigures, Figure

TIMED_MEGABYTES = 100

_ABOUT = "Measure on a throw-away home, and print each figure beside the floor that the machine gave in the same run."


def add_parsers(commands: Commands) -> None:
    """Add the commands."""
    bench = commands.add_parser("bench", description=_ABOUT)
    benches = bench.add_subparsers(title="benches", metavar="BENCH", required=True)
    bus = benches.add_parser(
        "bus", help="durable questions: time, rate, syncs, beside the disk's floor", description=_bus.__doc__
    )
    bus.add_argument(
        "--questions", type=whole(1, 10_000_000), metavar="N", default=4000, help="asked in each shape (4000)"
    )
    bus.add_argument(
        "--history",
        type=whole(0, 10_000_000),
        metavar="N",
        default=0,
        help="time a lease beside none and beside this many settled questions, too (0: neither)",
    )
    bus.add_argument(
        "--security",
        choices=("on", "off", "both"),
        default="on",
        help="seals, ledger, audit, redaction and rates: on, off, or both in turn, and what they cost (on)",
    )
    bus.add_argument("--folder", type=Path, metavar="DIR", help="whose disk counts (where temporary files live)")
    bus.set_defaults(run=_bus)
    recall = benches.add_parser(
        "recall", help="what the memory finds, knows that it does not know, its speed", description=_recall.__doc__
    )
    recall.add_argument("--sets", type=Path, metavar="DIR", help="folders with files/ and questions.jsonl")
    recall.add_argument("--only", action="append", default=[], metavar="NAME", help="only this set; may be repeated")
    recall.add_argument(
        "--megabytes",
        type=whole(0, 10_000),
        metavar="N",
        help="of made-up text and code, timed (100 without --sets, else 0)",
    )
    recall.add_argument("--folder", type=Path, metavar="DIR", help="where temporary files go (where they live)")
    recall.set_defaults(run=_recall)
    waiters = benches.add_parser(
        "waiters", help="many receivers that wait: memory, processor, one woken", description=_waiters.__doc__
    )
    waiters.add_argument("--waiting", type=whole(1, 10_000), metavar="N", default=500, help="receivers (500)")
    waiters.add_argument("--seconds", type=whole(1, 3600), metavar="N", default=10, help="to watch them wait (10)")
    waiters.add_argument("--folder", type=Path, metavar="DIR", help="whose disk counts (where temporary files live)")
    waiters.set_defaults(run=_waiters)
    line = benches.add_parser(
        "line", help="a message from one process to another that waits, over HTTP", description=_line.__doc__
    )
    line.add_argument("--messages", type=whole(1, 1_000_000), metavar="N", default=500, help="sent in turn (500)")
    line.add_argument("--folder", type=Path, metavar="DIR", help="whose disk counts (where temporary files live)")
    line.set_defaults(run=_line)
    redaction = benches.add_parser(
        "redaction", help="looking for secrets: clean, dense and hostile text", description=_redaction.__doc__
    )
    redaction.set_defaults(run=_redaction)
    bench_mcp.add_parser(benches)
    bench_transports.add_parser(benches)
    bench_warm.add_parser(benches)
    for each in (bus, line, recall, redaction, waiters):
        add_json(each)


def _recall(options: argparse.Namespace) -> int:
    """Measure what the memory finds in sets of questions with known evidence, and how fast it indexes and searches."""
    from warmline.operations import bench_recall
    from warmline.operations.bench_recall_table import render

    if options.sets and not list(options.sets.glob("*/questions.jsonl")):
        raise InvalidInputError(f"{options.sets} holds no set: a set is a folder with files/ and questions.jsonl")
    megabytes = options.megabytes if options.megabytes is not None else 0 if options.sets else TIMED_MEGABYTES
    figures = bench_recall.run(options.sets, options.only, megabytes=megabytes, folder=options.folder, on_step=hint)
    show_json(figures.as_json()) if options.json else print("\n".join(render(figures)))
    return 0


def _waiters(options: argparse.Namespace) -> int:
    """Measure what receivers that wait in one daemon cost it, and how soon a message reaches one of them."""
    from warmline.operations import bench_waiters

    figures = bench_waiters.run(options.folder, waiting=options.waiting, seconds=options.seconds, on_step=hint)
    if options.json:
        show_json(figures.as_json())
        return 0
    print(f"{figures.waiting} receivers wait: {figures.core_percent:.2f} % of a core, {figures.more_mb:.1f} MB more")
    print(
        f"one message wakes {figures.woken_by_one}, {figures.wake_p50_ms:.2f} ms after the sender began"
        f" (floor: an SQLite FULL commit {figures.commit_ms:.3f} ms)"
    )
    return 0


def _bus(options: argparse.Namespace) -> int:
    """Measure durable questions from ask to answer, by as many askers and workers as each line says."""
    from warmline.operations import bench_bus
    from warmline.operations.bench_parts import Security

    wanted = [each for each in reversed(Security) if options.security in {each.value, "both"}]
    figures = bench_bus.run(options.folder, wanted, questions=options.questions, history=options.history, on_step=hint)
    if options.json:
        show_json(figures.as_json())
        return 0
    floor = figures.floor
    print(f"floor (p50): fdatasync of 4 KB {floor.fdatasync_ms:.3f} ms, SQLite FULL commit {floor.commit_ms:.3f} ms\n")
    print(
        "security  askers x workers   p50 ms   p99 ms  x 2 commits  questions/s  x 1/commit  fdatasyncs"
        "  slowest/fastest  cpu us"
    )
    for shape in figures.shapes:
        print(
            f"{shape.security:<8} {shape.askers:>7} x {shape.workers:<9} {shape.p50_ms:>8.2f} {shape.p99_ms:>8.2f}"
            f" {shape.p50_ms / (2 * floor.commit_ms):>12.2f} {shape.questions_per_second:>12,.0f}"
            f" {shape.questions_per_second * floor.commit_ms / 1000:>11.2f} {shape.fdatasyncs_per_question:>11.2f}"
            f" {shape.slowest_to_fastest:>16.2f} {shape.cpu_us:>7.0f}"
        )
    if options.security == "both":
        _show_cost(figures)
    for lease in figures.leases:
        print(f"a lease beside {lease.settled:>9,} settled questions: p50 {lease.p50_ms:.3f} ms")
    return 0


def _show_cost(figures: BusFigures) -> None:
    """Print what security adds, for each two figures of one shape: without it, and with it."""
    for off, on in zip(figures.shapes[::2], figures.shapes[1::2], strict=True):
        _show_difference(f"{on.askers} x {on.workers}", off, on)
    off_apart, on_apart = figures.apart
    _show_difference(f"{on_apart.askers} askers in another process", off_apart, on_apart)


def _show_difference(shape: str, off: Figure | ApartFigure, on: Figure | ApartFigure) -> None:
    print(
        f"{shape}: security adds {on.cpu_us - off.cpu_us:.0f} us of a processor a question, and keeps"
        f" {on.questions_per_second / off.questions_per_second:.2f} of"
        f" {off.questions_per_second:,.0f} questions/s"
    )


def _line(options: argparse.Namespace) -> int:
    """Measure how long a message takes from `send` in one process until `receive` returns in another that waits."""
    from warmline.operations import bench_line

    figures = bench_line.run(options.folder, messages=options.messages, on_step=hint)
    if options.json:
        show_json(figures.as_json())
        return 0
    floor = figures.floor
    print(
        f"floor (p50): SQLite FULL commit {floor.commit_ms:.3f} ms,"
        f" a request that does nothing {figures.request_p50_ms:.3f} ms"
    )
    print(
        f"send -> the other's receive returns, {figures.messages:,} messages:"
        f" p50 {figures.p50_ms:.2f} ms, p99 {figures.p99_ms:.2f} ms"
        f" (with a rate of {figures.messages_per_minute_allowed:,} a minute, where a credential has 60)"
    )
    return 0


def _redaction(options: argparse.Namespace) -> int:
    """Measure what looking for secrets costs in processor time; medians, with the least of the same run."""
    from warmline.operations import bench_redaction

    figures = bench_redaction.run(on_step=hint)
    if options.json:
        show_json(figures.as_json())
        return 0
    print(f"a question of 200 B and an answer of 1 KB: {figures.exchange_us:.1f} us ({figures.exchange_least_us:.1f})")
    print(f"text without secrets: {figures.clean_us_per_kb:.1f} us/KB ({figures.clean_least_us_per_kb:.1f})")
    print(f"a secret on every line: {figures.dirty_us_per_kb:.1f} us/KB ({figures.dirty_least_us_per_kb:.1f})")
    print(f"the worst of the hostile texts, 1 MiB of {figures.worst!r}: {figures.worst_seconds:.2f} s")
    return 0
