"""`connect`: put Warmline into a client's own configuration, with a credential of its own, and take it out again."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from warmline.errors import InvalidInputError
from warmline.interfaces.cli.arguments import add_json
from warmline.interfaces.cli.commands import Commands
from warmline.interfaces.cli.wake import add_habits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from warmline.interfaces.cli.connecting import Work
    from warmline.operations.connect.clients import Client, Person
    from warmline.operations.connect.record import Record

NAMES = ("claude", "codex", "gemini", "opencode", "cursor", "vscode")
"""Those of operations.connect.clients, which takes longer to import than the rest of a command."""

SCOPES = ("user", "project")


def add_parsers(commands: Commands) -> None:
    """Add the command."""
    connect = commands.add_parser("connect", description=_connect.__doc__)
    connect.add_argument("client", nargs="*", metavar="CLIENT", help=f"which programs: {', '.join(NAMES)}")
    connect.add_argument("--all", action="store_true", help="all that are installed here; with --undo, all connected")
    connect.add_argument(
        "--scope", choices=SCOPES, help="for you, wherever you work (user), or for this folder only (project)"
    )
    connect.add_argument("--http", action="store_true", help="over HTTP, in place of starting `warmline mcp`")
    connect.add_argument("--print", action="store_true", dest="only_print", help="show what would be written, only")
    connect.add_argument("--undo", action="store_true", help="take out what was put in, and revoke the credential")
    connect.add_argument(
        "--wake", action="store_true", help="wake it when messages come: claude, codex, opencode; with --undo, no more"
    )
    add_habits(connect)
    connect.add_argument("--yes", action="store_true", help="do not ask")
    add_json(connect)
    connect.set_defaults(run=_connect)


def _connect(options: argparse.Namespace) -> int:
    """Put Warmline among the MCP servers of an agent's program, with a credential of its own that lies in the home.

    The change is shown and asked about, and a backup kept. Where a program cannot change a configuration, nothing is
    written, the text to add by hand is shown, and the exit code is not 0.
    """
    from warmline.configuration.writing import changing
    from warmline.interfaces.cli.client import client_for
    from warmline.interfaces.cli.connecting import Work
    from warmline.interfaces.cli.connecting_told import tell
    from warmline.operations.connect.clients import Person
    from warmline.operations.connect.record import Record

    _check(options)
    daemon = client_for(options.home, start=not options.only_print)
    record, person = Record(daemon.home), Person(_person_home(), os.environ, _folder())
    clients = _clients(options, record, person)
    work = Work(options, clients, [each for each in clients if not each.is_installed(person)], record, person, daemon)
    if options.only_print:
        _only_show(work)
    elif options.undo and not record.read():
        _take_out(work)
    else:
        record.make_folder()
        with changing(record.path):
            _take_out(work) if options.undo else _put_in(work)
    return tell(work)


def _check(options: argparse.Namespace) -> None:
    """Raise InvalidInputError for words that mean nothing together."""
    if options.wake and options.scope == "project":
        raise InvalidInputError("what wakes a client is for you, wherever you work: leave `--scope project` away")
    has_habits = any(each is not None for each in (options.quiet, options.per_hour, options.per_day))
    if has_habits and (options.undo or not options.wake):
        raise InvalidInputError("--quiet, --per-hour and --per-day say when it is woken: they go with --wake alone")


def _only_show(work: Work) -> None:
    from warmline.interfaces.cli import connecting, connecting_wake

    if not work.options.undo:
        entries = connecting.plans_to_put(work)
        wakes = connecting_wake.plans_to_put(work, work.clients) if work.options.wake else []
        connecting.only_show(work, [*entries, *wakes])
        return
    wakes = connecting_wake.plans_to_take(work) if _takes_wakes(work) else []
    connecting.only_show(work, [*wakes, *([] if work.options.wake else connecting.plans_to_take(work))])


def _put_in(work: Work) -> None:
    """Put in the entries, and what wakes the clients if that is wanted: shown and agreed to at once.

    What wakes is planned anew when the entries stand: they may have come into the same file.
    """
    from warmline.interfaces.cli import connecting, connecting_wake

    entries = connecting.plans_to_put(work)
    planned = [each.client for each in entries] if work.options.wake else []
    connecting.have_it_agreed(work, [*entries, *connecting_wake.plans_to_put(work.rehearsed(), planned)])
    connected = connecting.put_in(work, entries)
    if work.options.wake:
        connecting_wake.put_in(work, connecting_wake.plans_to_put(work, connected))


def _take_out(work: Work) -> None:
    """Take out what wakes the clients, and the entries unless only that is wanted: shown and agreed to at once."""
    from warmline.interfaces.cli import connecting, connecting_wake

    wakes = connecting_wake.plans_to_take(work) if _takes_wakes(work) else []
    entries = [] if work.options.wake else connecting.plans_to_take(work.rehearsed())
    connecting.have_it_agreed(work, [*wakes, *entries])
    connecting_wake.take_out(work, wakes)
    if not work.options.wake:
        connecting.take_out(work, connecting.plans_to_take(work))


def _takes_wakes(work: Work) -> bool:
    """Tell whether what wakes the clients goes, too: it is a person's own, and stays when a folder's entry goes."""
    scope: str | None = work.options.scope
    return scope != "project"


def _person_home() -> Path:
    try:
        home = Path.home()
    except RuntimeError as error:
        raise InvalidInputError("no home folder of yours is known: set HOME") from error
    if os.environ.get("HOME") == "" or not home.is_absolute():  # an empty one would be the root of all
        raise InvalidInputError("HOME names no folder of yours: set it to an absolute path")
    return home


def _folder() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError as error:
        raise InvalidInputError("the folder that you are in is gone: go to another") from error


def _clients(options: argparse.Namespace, record: Record, person: Person) -> Sequence[Client]:
    """Return the clients that were named. Raises InvalidInputError."""
    from warmline.operations.connect.clients import CLIENTS

    named = list(dict.fromkeys(options.client))
    if unknown := [each for each in named if each not in CLIENTS]:
        raise InvalidInputError(f"{unknown[0]!a} is no client that can be connected: choose from {', '.join(NAMES)}")
    if bool(named) is options.all:
        raise InvalidInputError(f"say which clients: {', '.join(NAMES)}, or --all")
    if named:
        return [CLIENTS[each] for each in named]
    if options.undo:
        return [CLIENTS[each] for each in record.read() if each in CLIENTS]
    found = [each for each in CLIENTS.values() if each.is_installed(person)]
    if not found:
        raise InvalidInputError(f"none of {', '.join(NAMES)} is installed here: name the one that you mean")
    return found
