"""`credential new|list|revoke|rotate`: who may speak as whom, and how far."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from warmline.interfaces.cli.arguments import add_json, moment, names, segment, whole
from warmline.interfaces.cli.commands import Commands
from warmline.interfaces.cli.output import hint, local_time, one_line, show_json

RIGHTS = ("ask", "answer", "send", "read", "administer")
"""Those of model.Right, which takes longer to import than the rest of a command."""

_ABOUT = """A credential says who speaks, with which rights and how far. Give its token to an agent as WARMLINE_TOKEN;
you, at the shell, are the owner and need none."""


def add_parsers(commands: Commands) -> None:
    """Add the commands."""
    credential = commands.add_parser("credential", description=_ABOUT)
    verbs = credential.add_subparsers(title="commands", metavar="COMMAND", required=True)
    new = verbs.add_parser("new", help="make one; its token is shown once", description=_new.__doc__)
    _add_grant(new)
    listing = verbs.add_parser("list", help="list them, newest first", description=_list.__doc__)
    listing.add_argument("--all", action="store_true", help="expired and revoked ones, too")
    revoke = verbs.add_parser("revoke", help="let one speak no more, from now on", description=_revoke.__doc__)
    rotate = verbs.add_parser("rotate", help="give one a new token; the old one ends", description=_rotate.__doc__)
    for command in (revoke, rotate):
        command.add_argument("credential", metavar="ID|NAME", help="as `credential list` shows it")
    for command, run in ((new, _new), (listing, _list), (revoke, _revoke), (rotate, _rotate)):
        add_json(command)
        command.set_defaults(run=run)


def _add_grant(new: argparse.ArgumentParser) -> None:
    new.add_argument("name", metavar="NAME", help="whom it speaks for; the participant and its mailbox are made")
    new.add_argument("--conversation", metavar="ID", help="where it is a participant (the default one)")
    new.add_argument("--rights", type=_rights, metavar="A,B", help=f"of {', '.join(RIGHTS)} (ask,answer,send,read)")
    for scope, what in (
        ("mailbox", "that it may ask and send to (all of its conversation, and the memory)"),
        ("reads", "that it may receive from, beside its own"),
        ("memory", "roots, and paths beneath them, that it may be answered from (all)"),
    ):
        new.add_argument(f"--{scope}", type=names, action="extend", metavar="A,B", help=what)
    new.add_argument("--expires", type=moment, metavar="TIME", help="until when it speaks: 30d, or a date (for ever)")
    new.add_argument("--person", action="store_true", help="a person: may answer what waits for one")
    for period in ("minute", "hour", "day"):
        new.add_argument(
            f"--per-{period}", type=whole(1, 10**9), metavar="N", help=f"messages that it may send in one {period}"
        )


def _rights(text: str) -> list[str]:
    wanted = names(text)
    unknown = [each for each in wanted if each not in RIGHTS]
    if unknown:
        raise argparse.ArgumentTypeError(f"{unknown[0]!a} is no right: choose from {', '.join(RIGHTS)}")
    return wanted


def _new(options: argparse.Namespace) -> int:
    """Make a credential and print its token, which is shown here and never again."""
    from warmline.interfaces.cli.client import client_for

    asked = {
        "conversation": options.conversation,
        "rights": options.rights,
        "mailboxes": options.mailbox,
        "reads": options.reads,
        "memories": options.memory,
        "person": options.person or None,
        "expires_at": options.expires and options.expires.isoformat(),
        "per_minute": options.per_minute,
        "per_hour": options.per_hour,
        "per_day": options.per_day,
    }
    body = {"name": options.name} | {name: value for name, value in asked.items() if value is not None}
    made = client_for(options.home).call("POST", "/v1/credentials", body)
    show_json(made) if options.json else show_tokens([made])
    return 0


def show_tokens(made: Sequence[dict[str, Any]]) -> None:
    """Print the tokens of credentials that were just made, and say how an agent gets its own."""
    width = max(len(one_line(each["name"])) for each in made)
    for each in made:
        print(f"{one_line(each['name']):<{width}}  {each['token']}")
    hint(
        "tokens are shown this once: give an agent its own as WARMLINE_TOKEN"
        " (lost? `warmline credential rotate` makes a new one)"
    )


def _list(options: argparse.Namespace) -> int:
    """List credentials, newest first: id, name, conversation, rights and scope, until when."""
    from warmline.interfaces.cli.client import client_for
    from warmline.interfaces.cli.columns import in_columns

    found = client_for(options.home).call("GET", "/v1/credentials")
    if options.json:
        show_json(found)
        return 0
    shown = [each for each in found["credentials"] if options.all or _speaks(each)]
    if shown:
        print("\n".join(in_columns([_row(each) for each in shown])))
    elif found["credentials"]:
        hint("none in force: --all shows those that expired or were revoked")
    else:
        hint("none but your own: `warmline credential new NAME`")
    return 0


def _speaks(credential: dict[str, Any]) -> bool:
    ends = credential["revoked_at"] or credential["expires_at"]
    return ends is None or datetime.fromisoformat(ends) > datetime.now(UTC)


def _row(credential: dict[str, Any]) -> tuple[str, ...]:
    scope = [
        f"{word} {', '.join(credential[field])}"
        for field, word in (("mailboxes", "to"), ("reads", "reads"), ("memories", "from"))
        if credential[field]
    ]
    ends = "revoked" if credential["revoked_at"] else "until"
    at = credential["revoked_at"] or credential["expires_at"]
    return (
        credential["id"],
        credential["name"] + (" (person)" if credential["person"] else ""),
        credential["conversation"],
        f"{ends} {local_time(at)}" if at else "for ever",
        "; ".join([",".join(credential["rights"]), *scope]),
    )


def _revoke(options: argparse.Namespace) -> int:
    """Let a credential speak no more. What it said stays, and what it holds comes back when its lease lapses."""
    revoked = _change(options, "revoke")
    show_json(revoked) if options.json else print(f"revoked {revoked['id']} of {one_line(revoked['name'])}")
    return 0


def _rotate(options: argparse.Namespace) -> int:
    """Make a successor with the same rights and scope, print its token, and revoke the old one."""
    made = _change(options, "rotate")
    show_json(made) if options.json else show_tokens([made])
    return 0


def _change(options: argparse.Namespace, verb: str) -> dict[str, Any]:
    from warmline.interfaces.cli.client import client_for

    return client_for(options.home).call("POST", f"/v1/credentials/{segment(options.credential)}/{verb}")
