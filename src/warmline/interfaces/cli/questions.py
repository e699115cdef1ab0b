"""`questions`, `dead`, `cancel`, `requeue`: look at what is on the line, and steer it."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from warmline.interfaces.cli.answers import show_row
from warmline.interfaces.cli.arguments import add_json, duration, moment, whole
from warmline.interfaces.cli.ask import question_path
from warmline.interfaces.cli.columns import in_columns
from warmline.interfaces.cli.commands import Commands
from warmline.interfaces.cli.output import hint, local_time, one_line, show_json

STATES = ("ready", "leased", "settled", "dead", "expired", "cancelled")
"""Those of model.State, which takes longer to import than the rest of a command."""


def add_parsers(commands: Commands) -> None:
    """Add the commands."""
    questions = commands.add_parser("questions", description=_list.__doc__)
    questions.add_argument("--state", action="append", choices=STATES, help="only these; may be repeated")
    _add_listing(questions)
    questions.set_defaults(run=_list)
    dead = commands.add_parser("dead", description=_dead.__doc__)
    _add_listing(dead)
    dead.set_defaults(run=_dead)
    cancel = commands.add_parser("cancel", description=_cancel.__doc__)
    requeue = commands.add_parser("requeue", description=_requeue.__doc__)
    requeue.add_argument(
        "--deadline", type=moment, metavar="TIME", help="its new deadline: 5m, or a date and time (10m)"
    )
    for command, run in ((cancel, _cancel), (requeue, _requeue)):
        command.add_argument("id", metavar="ID", help="what `ask`, `send` or `dead` printed")
        add_json(command)
        command.set_defaults(run=run)


def _add_listing(command: argparse.ArgumentParser) -> None:
    command.add_argument("--since", type=duration, metavar="TIME", help="only those accepted within this time: 1h, 2d")
    command.add_argument(
        "--limit", type=whole(1, 1000), metavar="N", default=50, help="at most this many, newest first (50)"
    )
    command.add_argument("--count", action="store_true", help="print how many there are, and nothing else")
    add_json(command)


def _list(options: argparse.Namespace) -> int:
    """List questions, newest first: ticket, state, outcome, time of acceptance, first words."""
    found = _found(options, "/v1/questions", [("state", state) for state in options.state or ()])
    if found is not None:
        width = shutil.get_terminal_size((120, 24)).columns
        for answer in found["questions"]:
            show_row(answer, width)
            if answer["state"] == "dead":
                print(f"  {one_line(answer['text'])}")
        if not found["questions"]:
            hint("no such questions")
    return 0


def _dead(options: argparse.Namespace) -> int:
    """List what was given up: questions after too many failures, and messages that were refused or are withheld.

    Newest first, one for each recipient: ID, kind, from whom to whom, time of acceptance, first words, and the reason.
    """
    found = _found(options, "/v1/dead", [])
    if found is not None:
        rows = in_columns([_dead_row(each) for each in found["dead"]])
        for row, each in zip(rows, found["dead"], strict=True):
            print(f"{row}\n  {one_line(each['receipt']['last_error'] or 'it was given up')}")
        if not rows:
            hint("no dead letters")
    return 0


def _dead_row(dead: dict[str, Any]) -> tuple[str, ...]:
    who = f"{dead['sender']} to {dead['receipt']['mailbox']}"
    return dead["id"], dead["kind"], who, local_time(dead["sent_at"]), " ".join(dead["body"].split())


def _found(options: argparse.Namespace, path: str, which: Sequence[tuple[str, object]]) -> dict[str, Any] | None:
    """Return what is to be shown; None when all that was wanted, the count or JSON, is printed."""
    from urllib.parse import urlencode

    from warmline.interfaces.cli.client import client_for

    since = [("since", (datetime.now(UTC) - options.since).isoformat())] if options.since else []
    client = client_for(options.home)
    if options.count:
        counted = client.call("GET", f"{path}/count?{urlencode([*which, *since])}")
        show_json(counted) if options.json else print(counted["count"])
        return None
    found = client.call("GET", f"{path}?{urlencode([*which, *since, ('limit', options.limit)])}")
    if options.json:
        show_json(found)
        return None
    return found


def _cancel(options: argparse.Namespace) -> int:
    """Cancel a question that was not answered yet or a message that nobody read, or give up a dead one."""
    from warmline.interfaces.cli.client import client_for

    answer = client_for(options.home).call("DELETE", question_path(options.id))
    show_json(answer) if options.json else print(f"cancelled {answer['id']}")
    return 0


def _requeue(options: argparse.Namespace) -> int:
    """Put a dead or expired question or message back on the line, at its old place and with a new deadline."""
    from warmline.interfaces.cli.client import client_for

    body = {"deadline_at": options.deadline.isoformat()} if options.deadline else {}
    answer = client_for(options.home).call("POST", question_path(options.id, "/requeue"), body)
    show_json(answer) if options.json else print(f"{answer['id']} is {answer['state']} again")
    return 0
