"""The progress bar of long work; without a terminal there is none."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from warmline.interfaces.cli.output import one_line

Show = Callable[[dict[str, Any]], None]


@contextmanager
def progress_bar() -> Iterator[Show]:
    """Yield a function that shows an indexing run's progress on standard error."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("files, {task.fields[megabytes]:.1f} MB"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("looking", total=None, megabytes=0.0)

        def show(progress: dict[str, Any]) -> None:
            bar.update(
                task,
                description=escape(one_line(progress["root"])),
                completed=progress["files_done"],
                total=progress["files_total"] or None,
                megabytes=progress["bytes_done"] / 1e6,
            )

        yield show
