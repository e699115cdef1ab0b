"""`inbox`, and what can be done with what it handed over: `reply`, `refuse`, `escalate`, `release`."""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from warmline.errors import InvalidInputError, LeaseLostError
from warmline.interfaces.cli.arguments import add_json, duration, message_id, segment, spoken, whole
from warmline.interfaces.cli.commands import Commands
from warmline.interfaces.cli.output import hint, local_time, show_json, tell_masked

if TYPE_CHECKING:
    from warmline.interfaces.cli.client import Client

DONE = {"reply": "replied to", "refuse": "refused", "escalate": "handed on", "release": "given back"}

EXIT_NOTHING = 4
"""Nothing came; as `ask` has it."""

LEASE = timedelta(hours=1)
"""A person reads, thinks and is called away; what is not dealt with by then comes back."""

PRINTING = timedelta(minutes=1)
"""What a killed `inbox` did not get to print comes back after this, and not after an hour."""

_PLACE = re.compile(r"(.+):([1-9]\d{0,8})(?:-([1-9]\d{0,8}))?")


def add_parsers(commands: Commands) -> None:
    """Add the commands."""
    inbox = commands.add_parser("inbox", description=_inbox.__doc__)
    inbox.add_argument("--mailbox", metavar="NAME", help="another mailbox than your own, as far as you may read it")
    inbox.add_argument("--conversation", metavar="ID", help="whose mailbox, where several have that name")
    inbox.add_argument(
        "--wait", type=duration, metavar="TIME", default=timedelta(0), help="wait for the first as long as this: 30, 5m"
    )
    inbox.add_argument("--limit", type=whole(1, 100), metavar="N", default=10, help="at most this many at once (10)")
    inbox.add_argument("--keep", action="store_true", help="do not acknowledge: what you do not reply to comes back")
    inbox.add_argument(
        "--lease", type=duration, metavar="TIME", default=LEASE, help="when what you keep comes back: 30s to 1h (1h)"
    )
    inbox.add_argument("--done", metavar="TOKEN", help="acknowledge this earlier batch first: the token is in --json")
    add_json(inbox)
    inbox.set_defaults(run=_inbox)
    _add_verbs(commands)


def _add_verbs(commands: Commands) -> None:
    reply = commands.add_parser("reply", description=_reply.__doc__)
    refuse = commands.add_parser("refuse", description=_refuse.__doc__)
    escalate = commands.add_parser("escalate", description=_escalate.__doc__)
    release = commands.add_parser("release", description=_release.__doc__)
    for command, run in ((reply, _reply), (refuse, _refuse), (escalate, _escalate), (release, _release)):
        command.add_argument("id", metavar="ID", help="as `inbox` printed it")
        add_json(command)
        command.set_defaults(run=run)
    reply.add_argument("text", nargs="+", metavar="TEXT", help="the answer; - reads it from standard input")
    reply.add_argument(
        "--cite",
        nargs=2,
        action="append",
        default=[],
        metavar=("PATH:LINES", "QUOTE"),
        help="lines that hold these words, such as notes/a.md:3-4; checked; may be repeated",
    )
    reply.add_argument("--unknown", action="store_true", help="the answer is: there is not enough evidence")
    refuse.add_argument("reason", nargs="+", metavar="WHY", help="what the asker is told; - reads standard input")
    escalate.add_argument("--to", metavar="NAME", help="whose mailbox (the conversation's person, else the owner's)")


def _inbox(options: argparse.Namespace) -> int:
    """Print what came for you, oldest first, and acknowledge it once it was printed.

    Questions stay yours until you reply, refuse, escalate or release them, or an hour is over. What could not be
    printed, such as when this command was killed, comes back and says so. Exit code 4: nothing came.
    """
    from warmline.interfaces.cli.client import client_for
    from warmline.interfaces.cli.fenced import Reading

    client = client_for(options.home)
    batch = _receive(client, options)
    if options.json:
        show_json(batch)
    if batch["token"] is None:
        if not options.json:
            hint("nothing came" if options.wait else "nothing there: `warmline inbox --wait 30` waits for it")
        return EXIT_NOTHING
    kept = [each for each in batch["messages"] if options.keep or each["kind"] == "question"]
    _remember(client, batch, kept)
    if not options.json:
        reading = Reading()
        for each in batch["messages"]:
            reading.message(each)
    sys.stdout.flush()  # what nobody could read is not acknowledged
    path = f"/v1/batches/{segment(batch['token'])}"
    if len(kept) < len(batch["messages"]):
        client.call("POST", f"{path}/acknowledge")
    if kept and not options.json:
        _explain(kept, client.call("POST", f"{path}/extend", {"lease_seconds": options.lease.total_seconds()}))
    return 0


def _receive(client: Client, options: argparse.Namespace) -> dict[str, Any]:
    """Wait for a batch; an answer that was cut off is asked for again under the same key, and is the same batch."""
    from warmline.interfaces.cli.client import MAX_WAIT_SECONDS

    left = options.wait.total_seconds()
    lease = options.lease if options.keep or options.json else min(options.lease, PRINTING)
    asked: dict[str, Any] = {
        "mailbox": options.mailbox,
        "conversation": options.conversation,
        "limit": options.limit,
        "lease_seconds": lease.total_seconds(),
        "done": options.done,
    }
    body = {name: value for name, value in asked.items() if value is not None}
    while True:
        seconds, began = min(left, MAX_WAIT_SECONDS), time.monotonic()
        batch = client.call(
            "POST", "/v1/mailboxes/receive", {**body, "wait": seconds}, key=os.urandom(16).hex(), wait_seconds=seconds
        )
        left -= MAX_WAIT_SECONDS
        if batch["token"] is not None or left <= 0 or time.monotonic() - began < seconds:
            return batch


def _remember(client: Client, batch: dict[str, Any], kept: list[dict[str, Any]]) -> None:
    from warmline.interfaces.cli.held import remember

    if kept:
        remember(client, batch["token"], (each["id"] for each in kept))


def _explain(kept: list[dict[str, Any]], batch: dict[str, Any]) -> None:
    questions = [each["id"] for each in kept if each["kind"] == "question"]
    until = local_time(batch["lapses_at"])
    if questions:
        hint(f'answer: `warmline reply {questions[0]} "..."`, or refuse, escalate or release it; yours until {until}')
    else:
        hint(f'kept: `warmline reply {kept[0]["id"]} "..."`, or it comes back at {until}')


def _reply(options: argparse.Namespace) -> int:
    """Answer a question, or reply to a message, that `inbox` handed to you. Either is settled with that."""
    body: dict[str, Any] = {"body": spoken(options.text)}
    if options.cite:
        body["citations"] = [_citation(place, quote) for place, quote in options.cite]
    if options.unknown:
        body["outcome"] = "insufficient_evidence"
    return _act(options, "reply", body)


def _refuse(options: argparse.Namespace) -> int:
    """Refuse a question, whose asker is told why; or a message, which is then dead and tells its sender."""
    return _act(options, "refuse", {"reason": spoken(options.reason)})


def _escalate(options: argparse.Namespace) -> int:
    """Hand a question on to a person's mailbox. The asker's ticket stays, and gets that person's answer."""
    return _act(options, "escalate", {} if options.to is None else {"to": options.to})


def _release(options: argparse.Namespace) -> int:
    """Give a message back without an answer; whoever receives next from that mailbox gets it at once."""
    return _act(options, "release", None)


def _act(options: argparse.Namespace, verb: str, body: dict[str, Any] | None) -> int:
    from warmline.interfaces.cli.client import client_for
    from warmline.interfaces.cli.held import forget, token_of

    message, client = message_id(options.id).upper(), client_for(options.home)
    path = f"/v1/batches/{segment(token_of(client, message))}/messages/{message}/{verb}"
    try:
        done = client.call("POST", path, body)
    except LeaseLostError as error:
        forget(client, message)
        raise LeaseLostError(f"you do not hold {message} any more: look for it with `warmline inbox --keep`") from error
    forget(client, message)
    tell_masked(done.get("redacted", ()))
    show_json(done or {"id": message}) if options.json else _report(done, message, verb)
    return 0


def _report(done: dict[str, Any], message: str, verb: str) -> None:
    from warmline.interfaces.cli.posts import show_citations

    answer = done.get("answer") or {}
    print(f"{message} {DONE[verb]}")
    show_citations(answer.get("citations", ()))


def _citation(place: str, quote: str) -> dict[str, Any]:
    found = _PLACE.fullmatch(place)
    if not found:
        raise InvalidInputError(f"{place!a} names no lines: write PATH:FIRST-LAST, such as notes/a.md:3-4")
    first = int(found[2])
    if not quote.strip():
        raise InvalidInputError(f"the quote of {place!a} is empty: copy the words that stand in those lines")
    return {"path": found[1], "first_line": first, "last_line": int(found[3] or first), "quote": quote}
