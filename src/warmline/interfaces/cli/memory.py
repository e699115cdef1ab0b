"""`memory add|list|remove|refresh|search`: what the memory holds, and looking into it."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from warmline.errors import InvalidInputError
from warmline.interfaces.cli.answers import span
from warmline.interfaces.cli.arguments import absolute_path, add_fenced, add_json, is_fenced, whole
from warmline.interfaces.cli.columns import in_columns
from warmline.interfaces.cli.commands import Commands
from warmline.interfaces.cli.output import (
    BOLD,
    DIM,
    complain,
    counted,
    harmless,
    hint,
    one_line,
    paint,
    show_json,
    size,
)

SHOWN_SKIPS = 20
SHOWN_SECRETS = 20

_ABOUT = """The memory is a set of roots: files and folders of yours that are indexed where they lie.
Nothing is copied, and nothing of yours is ever changed."""


def add_parsers(commands: Commands) -> None:
    """Add the commands."""
    memory = commands.add_parser("memory", description=_ABOUT)
    verbs = memory.add_subparsers(title="commands", metavar="COMMAND", required=True)
    add = verbs.add_parser(
        "add", help="take files and folders in; their files are never changed", description=_add.__doc__
    )
    add.add_argument("paths", nargs="+", metavar="PATH", help="a file or a folder; .gitignore is respected")
    refresh = verbs.add_parser("refresh", help="index what changed, forget what vanished", description=_refresh.__doc__)
    refresh.add_argument("name", metavar="NAME", nargs="?", help="one root, as `memory list` shows it (all)")
    remove = verbs.add_parser(
        "remove", help="take a root out; its files stay, and `memory add` undoes it", description=_remove.__doc__
    )
    remove.add_argument("name", metavar="NAME", help="as `memory list` shows it")
    listing = verbs.add_parser("list", help="list the roots", description=_list.__doc__)
    search = verbs.add_parser("search", help="show the lines that may answer, best first", description=_search.__doc__)
    search.add_argument("question", nargs="*", help="what to look for")
    search.add_argument("--top", type=whole(1, 1000), metavar="N", default=10, help="at most this many (10)")
    search.add_argument("--batch", type=Path, metavar="FILE", help='lines of {"qid", "question"}; - is standard input')
    add_fenced(search)
    for command, run in ((add, _add), (refresh, _refresh), (remove, _remove), (listing, _list), (search, _search)):
        add_json(command)
        command.set_defaults(run=run)


def _add(options: argparse.Namespace) -> int:
    """Take files and folders into the memory, each as a root; one that is there is brought up to date."""
    return _index(options, "/v1/memory/roots", {"paths": [absolute_path(path) for path in options.paths]})


def _refresh(options: argparse.Namespace) -> int:
    """Index what is new or changed, forget what vanished; a search does it for what it finds changed, or back."""
    return _index(options, "/v1/memory/refresh", {"name": options.name})


def _index(options: argparse.Namespace, path: str, body: object) -> int:
    from warmline.interfaces.cli.client import client_for
    from warmline.interfaces.cli.progress import progress_bar

    with progress_bar() as show:
        report = client_for(options.home).work("POST", path, body, show)
    show_json(report) if options.json else _show_report(report)
    _warn_of_secrets(report)
    return 0


def _show_report(report: dict[str, Any]) -> None:
    print(
        f"{', '.join(map(one_line, report['roots'])) or 'nothing'}: {counted(report['indexed'], 'file')} indexed"
        f" ({counted(report['lines'], 'line')}, {size(report['size_bytes'])}), {report['unchanged']:,} unchanged,"
        f" {report['removed']:,} removed, {report['skipped_count']:,} skipped, in {report['seconds']:.1f} s"
    )
    for skipped in report["skipped"][:SHOWN_SKIPS]:
        print(paint(f"  skipped {one_line(skipped['path'])}: {one_line(skipped['reason'])}", DIM))
    if report["skipped_count"] > SHOWN_SKIPS:
        hint(f"  and {report['skipped_count'] - SHOWN_SKIPS:,} more: --json lists them")


def _warn_of_secrets(report: dict[str, Any]) -> None:
    """Say which files hold secrets, on standard error."""
    count = report["secret_file_count"]
    if not count:
        return
    holds = "file holds" if count == 1 else "files hold"
    complain(f"{count:,} {holds} what looks like secrets: shown masked, but the index holds what the files hold")
    rows = [
        (each["path"], f"{each['count']:,}", ", ".join(each["kinds"]))
        for each in report["secret_files"][:SHOWN_SECRETS]
    ]
    for row in in_columns(rows):
        hint(f"  {row}")
    if count > SHOWN_SECRETS:
        hint(f"  and {count - SHOWN_SECRETS:,} more: --json lists them")


def _list(options: argparse.Namespace) -> int:
    """List the roots: name, path, how much of it is indexed."""
    from warmline.interfaces.cli.client import client_for

    found = client_for(options.home).call("GET", "/v1/memory/roots")
    if options.json:
        show_json(found)
        return 0
    for root in found["roots"]:
        held = f"{counted(root['files'], 'file')}, {counted(root['lines'], 'line')}, {size(root['size_bytes'])}"
        print(f"{paint(one_line(root['name']), BOLD)}  {one_line(root['path'])}  {paint(held, DIM)}")
    if not found["roots"]:
        hint("the memory is empty: `warmline memory add PATH`")
    return 0


def _remove(options: argparse.Namespace) -> int:
    """Take a root out of the memory. Its files stay where they are, and `memory add` takes it in again."""
    from urllib.parse import quote

    from warmline.interfaces.cli.client import client_for

    removed = client_for(options.home).call("DELETE", f"/v1/memory/roots/{quote(options.name, safe='')}")
    show_json(removed) if options.json else print(
        f"took {one_line(removed['name'])} out ({counted(removed['files'], 'file')})"
    )
    return 0


def _search(options: argparse.Namespace) -> int:
    """Show the lines that may answer, best first, with their scores, which mean nothing across questions."""
    from warmline.interfaces.cli.client import client_for

    client = client_for(options.home)
    if options.batch:
        from warmline.interfaces.cli.batch import search_batch

        return search_batch(client, options.batch, options.top)
    question = " ".join(options.question)
    if not question.strip():
        raise InvalidInputError("nothing to search for: name a question, or a file of them with --batch")
    found = client.search(question, options.top)
    if options.json:
        show_json(found)
        return 0
    show: Callable[[dict[str, Any]], None] = _show_passage
    if is_fenced(options):
        from warmline.interfaces.cli.fenced import Reading

        show = Reading().passage
    for passage in found["passages"]:
        show(passage)
    hint(f"{counted(len(found['passages']), 'line')} in {found['ms']:.1f} ms, confidence {found['confidence']:.2f}")
    return 0


def _show_passage(passage: dict[str, Any]) -> None:
    redacted = "  redacted" if passage["redacted"] else ""
    print(f"{paint(span(passage), BOLD)}  {paint(format(passage['score'], '.2f'), DIM)}{redacted}")
    print("\n".join(f"  {line}" for line in harmless(passage["text"]).split("\n")))
