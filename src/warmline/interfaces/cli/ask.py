"""`ask` and `ticket`: put a question on the line, and come back for its answer."""

from __future__ import annotations

import argparse
import os
import sys
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from warmline.errors import DaemonError, ForbiddenError, StoreError
from warmline.interfaces.cli.answers import show_answer
from warmline.interfaces.cli.arguments import (
    add_fenced,
    add_json,
    duration,
    is_fenced,
    memory_path,
    message_id,
    moment,
    spoken,
)
from warmline.interfaces.cli.commands import Commands
from warmline.interfaces.cli.output import complain, hint, one_line, tell_masked

if TYPE_CHECKING:
    from warmline.interfaces.cli.client import Client
    from warmline.interfaces.cli.writing import Writing

PATIENCE = timedelta(minutes=2)


def add_parsers(commands: Commands) -> None:
    """Add the commands."""
    ask = commands.add_parser("ask", description=_ask.__doc__)
    ask.add_argument("question", nargs="+", help="the question; - reads it from standard input")
    ask.add_argument(
        "--wait",
        type=duration,
        metavar="TIME",
        default=PATIENCE,
        help="your patience: 30, 5m; 0 returns a ticket at once (2m)",
    )
    ask.add_argument(
        "--deadline",
        type=moment,
        metavar="TIME",
        help="when an answer is of no use any more: 5m, or a date and time (10m)",
    )
    whom = ask.add_mutually_exclusive_group()
    whom.add_argument("--to", metavar="NAME", help="the mailbox to ask; `mailbox list` shows which there are (memory)")
    whom.add_argument("--agent", metavar="NAME", help="who is to answer from the memory, and nobody else (any agent)")
    ask.add_argument(
        "--file",
        metavar="PATH",
        help="a file of the memory to answer from, and from nothing else: where it lies, or as answers cite it",
    )
    ask.add_argument("--conversation", metavar="ID", help="whose mailbox, where several have that name")
    ask.add_argument("--key", help="idempotency key: the same key and question are the same ticket")
    add_fenced(ask)
    add_json(ask)
    ask.set_defaults(run=_ask)
    ticket = commands.add_parser("ticket", description=_ticket.__doc__)
    ticket.add_argument("id", metavar="ID", help="what `ask` printed")
    ticket.add_argument(
        "--wait", type=duration, metavar="TIME", default=timedelta(0), help="wait as long as this: 30, 5m (0)"
    )
    add_fenced(ticket)
    add_json(ticket)
    ticket.set_defaults(run=_ticket)


def _ask(options: argparse.Namespace) -> int:
    """Ask and wait for the answer. A terminal shows it as it is written.

    Exit code: 0 answered, 3 not in the memory, 4 no answer yet (the ticket is printed), 2 bad input, 1 anything else.
    """
    from warmline.interfaces.cli.client import client_for

    named = {
        "to": options.to,
        "agent": options.agent,
        "conversation": options.conversation,
        "file": options.file if options.file is None else memory_path(options.file),
    }
    body = {"question": spoken(options.question), **{name: each for name, each in named.items() if each is not None}}
    if options.deadline:
        body["deadline_at"] = options.deadline.isoformat()
    client = client_for(options.home)
    key = os.urandom(16).hex() if options.key is None else options.key
    asked = answer = client.call("POST", "/v1/questions", body, key=key)
    tell_masked(asked["redacted"])
    writing, began = writing_for(options), time.monotonic()
    if answer["outcome"] is None and options.wait:
        answer = {**_wait(client, asked, options.wait, writing), "redacted": asked["redacted"]}
    shown = writing.shown if writing else ""
    code = show_answer(answer, as_json=options.json, fenced=is_fenced(options), shown=shown)
    if answer["outcome"] == "insufficient_evidence" and options.to is None and not options.json:
        hint("see what it holds: `warmline memory list`")
    has_waited = timedelta(seconds=time.monotonic() - began) >= options.wait > timedelta(0)
    if answer["outcome"] is None and has_waited and options.to is None and not options.json:
        _tell_of_agents(client)
    return code


def _ticket(options: argparse.Namespace) -> int:
    """Show a question as it stands, with its answer once there is one. Exit codes are those of `ask`."""
    from warmline.interfaces.cli.client import client_for

    answer = client_for(options.home).wait(question_path(options.id), options.wait)
    return show_answer(answer, as_json=options.json, fenced=is_fenced(options))


def writing_for(options: argparse.Namespace) -> Writing | None:
    """Return where to show the answer as it is written: a person watches, and the output is for nobody else."""
    if options.json or is_fenced(options) or not sys.stdout.isatty():
        return None
    from warmline.interfaces.cli.writing import Writing

    return Writing()


def _wait(client: Client, asked: dict[str, Any], patience: timedelta, writing: Writing | None) -> dict[str, Any]:
    """Wait for the answer. When the daemon is lost, or the asker has enough, the ticket is still shown."""
    path = question_path(asked["id"])
    try:
        if writing is None:
            return client.wait(path, patience)
        from warmline.interfaces.cli.writing import hear

        return hear(client, path, patience, writing) or asked
    except (DaemonError, StoreError) as error:
        if writing is not None:
            writing.end_line()
        complain(str(error))
        return asked
    except KeyboardInterrupt:
        if writing is not None:
            writing.end_line()
        hint(f"the question stays on the line: come back with `warmline ticket {asked['id']} --wait 30`")
        raise


def _tell_of_agents(client: Client) -> None:
    """Say which agents do not answer now and why, to who may know that."""
    try:
        agents = client.call("GET", "/v1/agents")["agents"]
    except (ForbiddenError, DaemonError, StoreError):
        return
    for agent in agents:
        if agent["state"] in {"resting", "down"}:
            hint(one_line(f"{agent['name']} is {agent['state']}: {agent['reason']}"))


def question_path(text: str, rest: str = "") -> str:
    """Make the path of a question from an id as it was typed. Raises InvalidInputError when it is none."""
    return f"/v1/questions/{message_id(text)}{rest}"
