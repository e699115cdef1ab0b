"""`instance open|close|list`: where other programs reach the running instance. `instance ask` is instance_ask.py."""

from __future__ import annotations

import argparse
import json
import shlex
from typing import TYPE_CHECKING, Any

from warmline.errors import InvalidInputError, WarmlineError
from warmline.interfaces.cli import instance_ask
from warmline.interfaces.cli.arguments import absolute_path, add_json
from warmline.interfaces.cli.commands import Commands
from warmline.interfaces.cli.output import (
    YELLOW,
    complain,
    counted,
    hint,
    local_time,
    one_line,
    paint,
    show_json,
)

if TYPE_CHECKING:
    from warmline.interfaces.cli.client import Client
    from warmline.listen.addresses import Address

EXIT_OK = 0
EXIT_NOT_WELL = 1

_ABOUT = """The daemon is a persistent instance that other programs can reach: over TCP, a Unix socket, a named pipe or
shared memory. What they say there are lines of JSON: see docs/listen.md. `warmline.toml` may open the same at each
start."""

_QUERY = r"""printf '{"type":"query","question":"..."}\n'"""


def add_parsers(commands: Commands) -> None:
    """Add the commands."""
    instance = commands.add_parser("instance", description=_ABOUT)
    verbs = instance.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_open(verbs)
    close = verbs.add_parser("close", help="listen somewhere no more", description=_close.__doc__)
    close.add_argument("addresses", nargs="*", metavar="ADDRESS", help="as `instance list` shows it")
    close.add_argument("--all", action="store_true", help="everywhere")
    close.set_defaults(run=_close)
    listing = verbs.add_parser("list", help="where it listens, and who is there", description=_list.__doc__)
    listing.set_defaults(run=_list)
    for command in (close, listing):
        add_json(command)
    instance_ask.add_parser(verbs)


def _add_open(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    opening = verbs.add_parser("open", help="listen somewhere, until it is closed", description=_open.__doc__)
    opening.add_argument("--tcp", metavar="HOST:PORT", help="over TCP; port 0 picks a free one")
    opening.add_argument("--unix", metavar="PATH", help="on a Unix socket, for your own programs")
    opening.add_argument("--fifo", metavar="PATH", help="on a named pipe, for your own programs")
    opening.add_argument("--shm", metavar="NAME", help="over shared memory, for your own programs (Linux)")
    opening.add_argument(
        "--no-token", action="store_true", help="over TCP on 127.0.0.1: let any program of this machine ask"
    )
    opening.add_argument(
        "--unencrypted", action="store_true", help="over TCP: let other machines in; who listens in reads all"
    )
    add_json(opening)
    opening.set_defaults(run=_open)


def _open(options: argparse.Namespace) -> int:
    """Listen at these places, any of them together, until they are closed or the daemon ends, which it now does not by
    itself. Prints the address of each, and how to ask there.

    Exit code 1 when a place cannot be had; the others are open then.
    """  # noqa: D205  # argparse shows it as one text
    from warmline.interfaces.cli.client import client_for

    addresses = _named(options)
    client = client_for(options.home)
    opened, code = [], EXIT_OK
    for address in addresses:
        is_tcp = address.via == "tcp"
        wanted = {"no_token": is_tcp and options.no_token, "unencrypted": is_tcp and options.unencrypted}
        try:
            opened.append(client.call("POST", "/v1/listeners", {"address": str(address), **wanted}))
        except WarmlineError as error:
            if len(addresses) == 1:
                raise
            complain(f"{address}: {error}")
            code = EXIT_NOT_WELL
    if options.json:
        show_json({"listeners": opened})
    else:
        _tell(opened, options)
    return code


def _named(options: argparse.Namespace) -> list[Address]:
    """Return what is to be opened. Raises InvalidInputError before anything is."""
    from warmline.listen.addresses import Via, address_of

    named = {
        Via.TCP: options.tcp,
        Via.UNIX: _whole(options.unix),
        Via.FIFO: _whole(options.fifo),
        Via.SHM: options.shm,
    }
    if all(place is None for place in named.values()):
        raise InvalidInputError(
            "say where: --tcp 127.0.0.1:9999, --unix PATH, --fifo PATH or --shm NAME, any of them together"
        )
    if options.tcp is None and (options.no_token or options.unencrypted):
        raise InvalidInputError("--no-token and --unencrypted are about --tcp: the others need neither")
    return [address_of(via, place) for via, place in named.items() if place is not None]


def _whole(path: str | None) -> str | None:
    return None if path is None else absolute_path(path)


def _tell(opened: list[dict[str, Any]], options: argparse.Namespace) -> None:
    for each in opened:
        print(one_line(each["address"]))
    if not opened:
        return
    for each in opened:
        hint(f"  {_how_to_ask(each)}")
    hint(f"  from warmline import connect  # Python: connect({opened[0]['address']!r})")
    if any(each["via"] == "tcp" and not each["needs_token"] for each in opened):
        hint("any program of this machine may ask there; `warmline credential revoke guest` shuts them out")
    if any(each["needs_token"] for each in opened):
        hint('there a line shows a "token": `warmline credential new NAME --rights ask` makes one')
    hint("to have the same at each start, write into warmline.toml:")
    hint(_toml(opened, options))


def _how_to_ask(listener: dict[str, Any]) -> str:
    """Return a command for a shell."""
    from warmline.listen.addresses import parse_address

    address = parse_address(listener["address"])
    if listener["via"] == "unix":
        return f"{_QUERY} | nc -N -U {shlex.quote(address.place)}"
    if listener["via"] == "tcp" and not listener["needs_token"]:
        host, port = address.host_and_port
        return f"{_QUERY} | nc -N {host} {port}"
    return f'warmline instance ask "..." --via {listener["via"]}'


def _toml(opened: list[dict[str, Any]], options: argparse.Namespace) -> str:
    from warmline.listen.addresses import parse_address

    places = {each["via"]: parse_address(each["address"]).place for each in opened}
    said = [f"{via} = {json.dumps(place, ensure_ascii=False)}" for via, place in places.items()]
    said += ["no_token = true"] * bool("tcp" in places and options.no_token)
    said += ["unencrypted = true"] * bool("tcp" in places and options.unencrypted)
    return "\n".join(f"  {line}" for line in ["[listen]", *said])


def _close(options: argparse.Namespace) -> int:
    """Listen there no more, and let go of who is connected. What they asked goes on, and its answer can be collected.

    Exit code 2 when nothing is open there.
    """
    from warmline.interfaces.cli.client import client_for

    if bool(options.addresses) == options.all:
        raise InvalidInputError("name the addresses to close, as `warmline instance list` shows them, or say --all")
    client = client_for(options.home)
    is_open = [each["address"] for each in client.call("GET", "/v1/listeners")["listeners"]]
    closed = [_closed(client, address) for address in (is_open if options.all else options.addresses)]
    if options.json:
        show_json({"closed": closed})
    elif closed:
        print("\n".join(f"closed {one_line(each)}" for each in closed))
    else:
        hint("nothing is open")
    return EXIT_OK


def _closed(client: Client, address: str) -> str:
    from urllib.parse import quote

    from warmline.listen.addresses import parse_address

    url = str(parse_address(address))
    client.call("DELETE", f"/v1/listeners?address={quote(url, safe='')}")
    return url


def _list(options: argparse.Namespace) -> int:
    """List where the daemon listens for lines, and what of `[listen]` in warmline.toml it could not open.

    Exit code 1 when there is such a thing; 0 also when nothing is open.
    """
    from warmline.interfaces.cli.client import client_for
    from warmline.interfaces.cli.columns import in_columns

    found = client_for(options.home).call("GET", "/v1/listeners")
    if options.json:
        show_json(found)
    else:
        if found["listeners"]:
            print("\n".join(in_columns([_row(each) for each in found["listeners"]])))
        for problem in found["problems"]:
            print(f"{paint('cannot listen', YELLOW)}  {one_line(problem)}")
        if not found["listeners"] and not found["problems"]:
            hint("nothing is open: `warmline instance open --unix PATH` lets your own programs in")
    return EXIT_NOT_WELL if found["problems"] else EXIT_OK


def _row(listener: dict[str, Any]) -> tuple[str, ...]:
    return (
        listener["address"],
        "with a token" if listener["needs_token"] else "without a token",
        counted(listener["connections"], "connection"),
        counted(listener["requests"], "request"),
        f"since {local_time(listener['since'])}",
    )
