"""`import legacy`: bring along what an old bridge holds."""

from __future__ import annotations

import argparse
from datetime import timedelta
from typing import Any

from warmline.interfaces.cli.arguments import absolute_path, add_json, duration
from warmline.interfaces.cli.commands import Commands
from warmline.interfaces.cli.output import counted, hint, one_line, show_json

DAY = timedelta(days=1)

_ABOUT = "Take over what another program holds. The source is only read, and importing it again adds what is new."


def add_parsers(commands: Commands) -> None:
    """Add the command."""
    importing = commands.add_parser("import", description=_ABOUT)
    sources = importing.add_subparsers(title="sources", metavar="SOURCE", required=True)
    legacy = sources.add_parser("legacy", help="a distributed_memory.db", description=_legacy.__doc__)
    legacy.add_argument("file", type=absolute_path, metavar="FILE", help="its database; a -wal beside it is read, too")
    legacy.add_argument(
        "--extend", type=duration, metavar="TIME", help="let its tokens work at least so long from now: 30d"
    )
    add_json(legacy)
    legacy.set_defaults(run=_legacy)


def _legacy(options: argparse.Namespace) -> int:
    """Take over conversations, messages, statuses and audit rows. Read stays read, unread is delivered.

    Old ids stay, and old tokens work as credentials until they expire.
    """
    from warmline.interfaces.cli.client import client_for
    from warmline.interfaces.cli.progress import message_bar

    body = {"path": options.file} | ({"extend_days": options.extend / DAY} if options.extend else {})
    with message_bar() as show:
        report = client_for(options.home).work("POST", "/v1/store/import-legacy", body, show)
    show_json(report) if options.json else _show(report)
    return 0


def _show(report: dict[str, Any]) -> None:
    print(
        f"{counted(report['conversations'], 'conversation')} ({report['new_conversations']:,} new),"
        f" {counted(report['messages'], 'message')} ({report['new_messages']:,} new, {report['unread']:,} unread),"
        f" {report['statuses']:,} with a status, {counted(report['audit_rows'], 'audit row')}"
    )
    print(f"{counted(report['credentials'], 'credential')}, {report['valid_credentials']:,} of them not expired")
    if report["redacted"]:
        print(f"secrets were masked in {report['redacted']:,} of these, before anything was stored")
    for what, times in sorted(report["oddities"].items()):
        print(f"  odd: {one_line(what)}: {times:,}")
    if report["valid_credentials"] < report["credentials"]:
        hint("import again with `--extend 30d` to let the old tokens work")
