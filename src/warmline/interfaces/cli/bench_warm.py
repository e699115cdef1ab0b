"""`bench warm`: a process a question beside an agent that is kept warm, with the real program and a simulated model."""

from __future__ import annotations

import argparse
from pathlib import Path

from warmline.interfaces.cli.arguments import add_json, whole
from warmline.interfaces.cli.output import hint, show_json
from warmline.interfaces.cli.progress import question_bar

QUESTIONS = 5
"""The old way takes 25 s for each, so that all is done in four minutes."""

MOST_KILOBYTES = 400
"""What an agent with a window of 200,000 tokens holds whole."""

KILOBYTES = 200
"""50,000 tokens: the old way takes half a minute by the stated speeds, which is what its users saw."""


def add_parser(benches: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the bench."""
    warm = benches.add_parser(
        "warm", help="an agent started for each question, beside one that is kept warm", description=_warm.__doc__
    )
    warm.add_argument(
        "--questions",
        type=whole(1, 1000),
        metavar="N",
        default=QUESTIONS,
        help=f"asked each way ({QUESTIONS}), and five times as many where the model answers at once",
    )
    warm.add_argument(
        "--kilobytes",
        type=whole(20, MOST_KILOBYTES),
        metavar="N",
        default=KILOBYTES,
        help=f"of memory, at most {MOST_KILOBYTES} ({KILOBYTES})",
    )
    warm.add_argument(
        "--program", type=Path, metavar="PATH", help="the Claude Code to run (the `claude` that the shell finds)"
    )
    warm.add_argument("--chart", type=Path, metavar="FILE", help="draw the times into this file, as SVG")
    add_json(warm)
    warm.set_defaults(run=_warm)


def _warm(options: argparse.Namespace) -> int:
    """Ask the same questions about the same made-up memory both ways, with the real program and a simulated model.

    Once the model takes its stated time, and once none, so that the overhead alone is seen. Nothing leaves the machine.
    """
    from warmline.operations import bench_warm
    from warmline.operations.bench_warm import chart
    from warmline.operations.bench_warm.table import render

    program = bench_warm.find_program(options.program)
    if options.chart:
        chart.check(options.chart)
    with question_bar() as show:
        figures = bench_warm.run(
            program, questions=options.questions, memory_bytes=options.kilobytes * 1000, on_step=show
        )
    show_json(figures.as_json()) if options.json else print("\n".join(render(figures)))
    if options.chart:
        chart.write(figures, options.chart)
        hint(f"drawn: {options.chart}")
    return 0
