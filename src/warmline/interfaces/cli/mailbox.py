"""`mailbox list|policy`: where participants receive, what waits there, and who may answer it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from warmline.errors import AmbiguousMailboxError, UnknownMailboxError
from warmline.interfaces.cli.arguments import add_json, segment
from warmline.interfaces.cli.commands import Commands
from warmline.interfaces.cli.output import hint, show_json

if TYPE_CHECKING:
    from warmline.interfaces.cli.client import Client

ANSWERERS = ("anyone", "person")
"""Those of model.AnsweredBy, which takes longer to import than the rest of a command."""

_ABOUT = "A mailbox is where a role receives: a name within a conversation. Several may receive from one."


def add_parsers(commands: Commands) -> None:
    """Add the commands."""
    mailbox = commands.add_parser("mailbox", description=_ABOUT)
    verbs = mailbox.add_subparsers(title="commands", metavar="COMMAND", required=True)
    listing = verbs.add_parser("list", help="list them, with what waits in each", description=_list.__doc__)
    policy = verbs.add_parser("policy", help="see or set how one hands over", description=_policy.__doc__)
    policy.add_argument("name", metavar="NAME", help="as `mailbox list` shows it")
    policy.add_argument("--conversation", metavar="ID", help="whose mailbox, where several have that name")
    policy.add_argument(
        "--ordered",
        action=argparse.BooleanOptionalAction,
        help="one message at a time: the next only when that one is settled or buried",
    )
    policy.add_argument("--answered-by", choices=ANSWERERS, help="who may answer its questions")
    for command, run in ((listing, _list), (policy, _policy)):
        add_json(command)
        command.set_defaults(run=run)


def _list(options: argparse.Namespace) -> int:
    """List mailboxes: name, conversation, messages that wait and that are held, and how it hands over."""
    from warmline.interfaces.cli.client import client_for

    found = client_for(options.home).call("GET", "/v1/mailboxes")
    if options.json:
        show_json(found)
        return 0
    _show(found["mailboxes"])
    if not found["mailboxes"]:
        hint("none yet: `warmline conversation new --between a,b` makes one for each")
    return 0


def _show(mailboxes: list[dict[str, Any]]) -> None:
    from warmline.interfaces.cli.columns import in_columns

    for line in in_columns([_row(each) for each in mailboxes]):
        print(line)


def _row(mailbox: dict[str, Any]) -> tuple[str, ...]:
    policy = [
        *(["ordered"] if mailbox["ordered"] else []),
        *(["answered by a person"] if mailbox["answered_by"] == "person" else []),
    ]
    waits = f"{mailbox['ready']:,} waiting"
    held = f"{mailbox['leased']:,} held"
    return mailbox["name"], mailbox["conversation"], waits, held, ", ".join(policy)


def _policy(options: argparse.Namespace) -> int:
    """Set how a mailbox hands over and who may answer it; without options, show it. What you do not name stays."""
    from warmline.interfaces.cli.client import client_for

    client = client_for(options.home)
    mailbox = _named(client, options)
    body = {
        "conversation": mailbox["conversation"],
        "ordered": mailbox["ordered"] if options.ordered is None else options.ordered,
        "answered_by": options.answered_by or mailbox["answered_by"],
    }
    if options.ordered is not None or options.answered_by is not None:
        mailbox = client.call("PUT", f"/v1/mailboxes/{segment(options.name)}/policy", body)
    show_json(mailbox) if options.json else _show([mailbox])
    return 0


def _named(client: Client, options: argparse.Namespace) -> dict[str, Any]:
    """Return the one mailbox that is meant; those of closed conversations have to be named with theirs."""
    mailboxes: list[dict[str, Any]] = client.call("GET", "/v1/mailboxes")["mailboxes"]
    named = [each for each in mailboxes if each["name"] == options.name]
    if options.conversation is None and len(named) > 1:
        known = client.call("GET", "/v1/conversations?limit=1000")["conversations"]
        closed = {each["id"] for each in known if each["closed_at"]}
        found = [each for each in named if each["conversation"] not in closed]
    else:
        found = [each for each in named if options.conversation in {None, each["conversation"]}]
    if not found:
        raise UnknownMailboxError(
            f"there is no mailbox {options.name!a}: `warmline mailbox list` shows which there are"
        )
    if len(found) > 1:
        places = ", ".join(f"{each['name']} in {each['conversation']}" for each in found[:10])
        raise AmbiguousMailboxError(f"{len(found)} mailboxes have that name: {places}; name the --conversation")
    return found[0]
