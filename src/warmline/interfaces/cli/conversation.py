"""`conversation new|list|show|close|erase`: who can reach whom, and what was said."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

from warmline.interfaces.cli.arguments import add_json, message_id, names, segment, whole
from warmline.interfaces.cli.commands import Commands
from warmline.interfaces.cli.output import BOLD, DIM, counted, hint, local_time, one_line, paint, show_json

if TYPE_CHECKING:
    from warmline.interfaces.cli.fenced import Reading

_ABOUT = """A conversation holds the participants that can reach each other. Each has a mailbox of its own name, and a
credential that says who speaks; you, at the shell, are the owner and reach them all."""


def add_parsers(commands: Commands) -> None:
    """Add the commands."""
    conversation = commands.add_parser("conversation", description=_ABOUT)
    verbs = conversation.add_subparsers(title="commands", metavar="COMMAND", required=True)
    new = verbs.add_parser("new", help="begin one, with a credential for each participant", description=_new.__doc__)
    new.add_argument(
        "--between", type=names, action="extend", required=True, metavar="A,B", help="the participants' names"
    )
    new.add_argument(
        "--person", type=names, action="extend", default=[], metavar="NAME", help="participants that are people"
    )
    listing = verbs.add_parser("list", help="list them, newest first", description=_list.__doc__)
    show = verbs.add_parser("show", help="who is in it, and what was said", description=_show.__doc__)
    show.add_argument("--follow", action="store_true", help="go on with what is said from now on, until Ctrl-C")
    show.add_argument("--after", type=whole(0, 2**63 - 1), metavar="N", default=0, help="only after this number (0)")
    show.add_argument("--limit", type=whole(1, 1000), metavar="N", default=100, help="at most this many (100)")
    close = verbs.add_parser("close", help="take nothing new; what was said stays", description=_close.__doc__)
    for command in (show, close):
        command.add_argument("id", metavar="ID", help="as `conversation list` shows it")
    erase = verbs.add_parser("erase", help="empty one message for good", description=_erase.__doc__)
    erase.add_argument("message", metavar="MESSAGE", help="its id")
    runs = ((new, _new), (listing, _list), (show, _show), (close, _close), (erase, _erase))
    for command, run in runs:
        add_json(command)
        command.set_defaults(run=run)


def _new(options: argparse.Namespace) -> int:
    """Begin a conversation; print its id, and a token for each participant that is shown here and never again."""
    from warmline.interfaces.cli.client import client_for
    from warmline.interfaces.cli.credential import show_tokens

    body = {"between": options.between} | ({"persons": options.person} if options.person else {})
    made = client_for(options.home).call("POST", "/v1/conversations", body)
    if options.json:
        show_json(made)
        return 0
    print(made["id"])
    show_tokens(made["credentials"])
    return 0


def _list(options: argparse.Namespace) -> int:
    """List conversations, newest first: id, when it began, whether it is open, who is in it."""
    from warmline.interfaces.cli.client import client_for
    from warmline.interfaces.cli.columns import in_columns

    found = client_for(options.home).call("GET", "/v1/conversations")
    if options.json:
        show_json(found)
        return 0
    rows = [
        (
            each["id"],
            local_time(each["created_at"]),
            "closed" if each["closed_at"] else "open",
            ", ".join(who["name"] for who in each["participants"]) or "-",
        )
        for each in found["conversations"]
    ]
    print("\n".join(in_columns(rows)) if rows else "no conversations")
    return 0


def _show(options: argparse.Namespace) -> int:
    """Show who is in a conversation and what was said, oldest first.

    With --follow it goes on until Ctrl-C, also across a restart of the daemon, and tells what becomes of each message;
    with --json then one message a line, and again when its receipts changed.
    """
    from warmline.interfaces.cli.client import client_for
    from warmline.interfaces.cli.fenced import Reading

    path, client = f"/v1/conversations/{segment(options.id)}", client_for(options.home)
    who = client.call("GET", f"{path}/participants")
    said = client.call("GET", f"{path}/messages?after={options.after}&limit={options.limit}")["messages"]
    if options.json and not options.follow:
        show_json(client.call("GET", path) | who | {"messages": said})
        return 0
    reading = None if options.json else Reading()
    if reading:
        _show_participants(who["participants"], reading)
    for post in said:
        _show_said(post, reading)
    if options.follow:
        from warmline.interfaces.cli.events import follow

        last = said[-1]["number"] if said else options.after
        for event in follow(client, f"{path}/events", str(last)):
            _show_said(event.data, reading, is_news=event.name == "message")
    elif len(said) == options.limit:
        hint(f"there may be more: --after {said[-1]['number']}")
    return 0


def _show_participants(participants: list[dict[str, Any]], reading: Reading) -> None:
    from warmline.security.fence import quoted

    for each in participants:
        state = "waits for messages" if each["waiting"] else _last_seen(each)
        person = ", a person" if each["person"] else ""
        print(f"{paint(quoted(each['name']), BOLD)}{person}  {paint(state, DIM)}")
        if each["status"]:
            reading.status(each)
    if participants:
        print()


def _last_seen(participant: dict[str, Any]) -> str:
    return f"seen {local_time(participant['seen_at'])}" if participant["seen_at"] else "not seen yet"


def _show_said(post: dict[str, Any], reading: Reading | None, *, is_news: bool = True) -> None:
    from warmline.interfaces.cli.posts import show_progress

    if reading is None:
        print(json.dumps(post, ensure_ascii=(sys.stdout.encoding or "").lower() != "utf-8"))
    elif is_news:
        reading.message(post)
    else:
        show_progress(post)
    sys.stdout.flush()


def _close(options: argparse.Namespace) -> int:
    """Close a conversation: nothing new is accepted in it. What waits there can still be received and answered."""
    from warmline.interfaces.cli.client import client_for

    closed = client_for(options.home).call("POST", f"/v1/conversations/{segment(options.id)}/close")
    show_json(closed) if options.json else print(f"closed {one_line(closed['id'])}")
    return 0


def _erase(options: argparse.Namespace) -> int:
    """Empty a message for good, and its answer with it; that something stood there stays. This cannot be undone."""
    from warmline.interfaces.cli.client import client_for

    erased = client_for(options.home).call("DELETE", f"/v1/messages/{message_id(options.message)}")
    open_before = [each for each in erased["receipts"] if each["receipt"] == "cancelled"]
    if options.json:
        show_json(erased)
    else:
        print(
            f"erased {erased['id']}" + (f" ({counted(len(open_before), 'delivery')} cancelled)" if open_before else "")
        )
    return 0
