"""`bench transports`: the ways to reach a persistent instance beside a process a question, as a matrix of figures."""

from __future__ import annotations

import argparse
from pathlib import Path

from warmline.interfaces.cli.arguments import add_json
from warmline.interfaces.cli.output import show_json
from warmline.interfaces.cli.progress import step_bar

WAYS = ("tcp", "unix", "fifo", "shm", "spawn")


def add_parser(benches: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the bench."""
    transports = benches.add_parser(
        "transports",
        help="TCP, Unix socket, named pipes, shared memory, a process a question",
        description=_transports.__doc__,
    )
    transports.add_argument(
        "--quick", action="store_true", help="in a minute, to see that all works: no figures to be quoted"
    )
    transports.add_argument(
        "--only", action="append", choices=WAYS, metavar="WAY", help=f"only {', '.join(WAYS)}; may be repeated"
    )
    transports.add_argument("--folder", type=Path, metavar="DIR", help="whose disk counts (where temporary files live)")
    transports.add_argument("--markdown", action="store_true", help="print the matrix in Markdown, as without --json")
    add_json(transports)
    transports.set_defaults(run=_transports)


def _transports(options: argparse.Namespace) -> int:
    """Measure the ways to a persistent instance, the bare transport beside each, and a process a question.

    It takes at most a quarter of an hour, and ends processes of its own by kill -9. Nothing leaves the machine.
    """
    from warmline.operations.bench_transports.measuring import run
    from warmline.operations.bench_transports.table import render
    from warmline.operations.bench_transports.ways import Way

    with step_bar() as show:
        figures = run(
            options.folder, [Way(each) for each in options.only or WAYS], is_quick=options.quick, on_step=show
        )
    show_json(figures.as_json()) if options.json else print("\n".join(render(figures)))
    return 0
