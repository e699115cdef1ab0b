"""`send` and `receipts`: say something to a participant, and see what became of it."""

from __future__ import annotations

import argparse
import os
from typing import Any

from warmline.errors import InvalidInputError
from warmline.interfaces.cli.arguments import add_json, message_id, moment, spoken
from warmline.interfaces.cli.commands import Commands
from warmline.interfaces.cli.output import hint, one_line, show_json, tell_masked


def add_parsers(commands: Commands) -> None:
    """Add the commands."""
    send = commands.add_parser("send", description=_send.__doc__)
    send.add_argument("to", nargs="?", metavar="TO", help="the mailbox; `mailbox list` shows which there are")
    send.add_argument("text", nargs="+", metavar="TEXT", help="what to say; - reads it from standard input")
    send.add_argument("--all", action="store_true", help="to all other participants of the conversation, without a TO")
    send.add_argument("--conversation", metavar="ID", help="whose mailbox, where several have that name")
    send.add_argument("--control", action="store_true", help="a control message, such as shutdown; the owner may")
    send.add_argument("--reply-to", metavar="ID", help="the message that this one is about")
    send.add_argument(
        "--deadline", type=moment, metavar="TIME", help="when it is of no use any more: 5m, or a date and time (never)"
    )
    send.add_argument("--key", help="idempotency key: the same key and text are the same message")
    receipts = commands.add_parser("receipts", description=_receipts.__doc__)
    receipts.add_argument("id", metavar="ID", help="what `send` or `ask` printed")
    for command, run in ((send, _send), (receipts, _receipts)):
        add_json(command)
        command.set_defaults(run=run)


def _send(options: argparse.Namespace) -> int:
    """Send a message and print its id. It waits in the mailbox until somebody receives it with `inbox`."""
    from warmline.interfaces.cli.client import client_for

    key = os.urandom(16).hex() if options.key is None else options.key
    post = client_for(options.home).call("POST", "/v1/messages", _message(options), key=key)
    tell_masked(post["redacted"])
    if options.json:
        show_json(post)
        return 0
    print(post["id"])
    to = ", ".join(one_line(each["mailbox"]) for each in post["receipts"])
    hint(f"sent to {to} · what becomes of it: `warmline receipts {post['id']}`")
    return 0


def _message(options: argparse.Namespace) -> dict[str, Any]:
    words = options.text
    body: dict[str, Any] = {}
    if options.all:
        words = [*([] if options.to is None else [options.to]), *words]
        body["broadcast"] = True
    elif options.to is None:
        raise InvalidInputError("nobody to send to: write `warmline send NAME TEXT`, or `warmline send --all TEXT`")
    else:
        body["to"] = options.to
    body["body"] = spoken(words)
    if options.control:
        body["kind"] = "control"
    if options.conversation is not None:
        body["conversation"] = options.conversation
    if options.reply_to is not None:
        body["in_reply_to"] = message_id(options.reply_to)
    if options.deadline:
        body["deadline_at"] = options.deadline.isoformat()
    return body


def _receipts(options: argparse.Namespace) -> int:
    """Show what became of a message at each recipient: accepted, handed, read, answered, expired, dead or cancelled."""
    from warmline.interfaces.cli.client import client_for
    from warmline.interfaces.cli.posts import show_receipts

    found = client_for(options.home).call("GET", f"/v1/messages/{message_id(options.id)}/receipts")
    if options.json:
        show_json(found)
    elif found["receipts"]:
        show_receipts(found["receipts"])
    else:
        hint("an answer has no receipt of its own: ask for its question's")
    return 0
