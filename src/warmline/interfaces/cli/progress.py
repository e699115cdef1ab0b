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
    with _bar("files, {task.fields[megabytes]:.1f} MB") as update:
        yield lambda progress: update(
            description=one_line(progress["root"]),
            completed=progress["files_done"],
            total=progress["files_total"] or None,
            megabytes=progress["bytes_done"] / 1e6,
        )


@contextmanager
def message_bar() -> Iterator[Show]:
    """Yield a function that shows an import's progress on standard error."""
    with _bar("messages") as update:
        yield lambda progress: update(
            description="importing", completed=progress["messages_done"], total=progress["messages_total"]
        )


@contextmanager
def audit_bar() -> Iterator[Callable[[int, int], None]]:
    """Yield a function that shows on standard error how many rows were verified, and of how many."""
    with _bar("rows") as update:
        yield lambda done, total: update(description="verifying", completed=done, total=total)


@contextmanager
def byte_bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """Yield a function that shows how many bytes of all are done."""
    with _bar("bytes") as update:
        yield lambda done, total: update(description=what, completed=done, total=total or None)


@contextmanager
def question_bar() -> Iterator[Callable[[str, int, int], None]]:
    """Yield a function that shows what is under way, and how many of its questions are answered, of how many."""
    with _bar("questions") as update:
        yield lambda what, done, total: update(description=what, completed=done, total=total)


@contextmanager
def step_bar() -> Iterator[Callable[[str, int, int], None]]:
    """Yield a function that shows what is under way, and how many steps are done, of how many."""
    with _bar("steps") as update:
        yield lambda what, done, total: update(description=what, completed=done, total=total)


@contextmanager
def _bar(unit: str) -> Iterator[Callable[..., None]]:
    """Yield a function that updates a bar, whose description may hold anything."""
    if not sys.stderr.isatty():
        yield lambda **_: None
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("looking", total=None, megabytes=0.0)

        def update(description: str, **values: float | None) -> None:
            bar.update(task, description=escape(description), **values)  # type: ignore[arg-type]

        yield update
