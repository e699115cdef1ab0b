"""`mcp`: what an agent starts to speak MCP over its standard streams: a light relay to /mcp of the daemon."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from warmline.errors import InvalidInputError
from warmline.interfaces.cli.commands import Commands

if TYPE_CHECKING:
    from warmline.home import Home


def add_parsers(commands: Commands) -> None:
    """Add the command."""
    mcp = commands.add_parser("mcp", description=_mcp.__doc__)
    who = mcp.add_mutually_exclusive_group()
    who.add_argument("--as", dest="name", metavar="NAME", help="speak with the credential that `connect` made for it")
    who.add_argument("--token-file", type=Path, metavar="FILE", help="speak with the token in this file")
    mcp.set_defaults(run=_mcp)


def _mcp(arguments: argparse.Namespace) -> int:
    """Speak MCP over standard input and output, as the agent that starts this; `warmline connect` has it start so."""
    from warmline.interfaces.cli.client import Client, client_for
    from warmline.interfaces.cli.leaving import leave_with
    from warmline.interfaces.cli.relay import Relay

    home = client_for(arguments.home).home
    token = _token(home, arguments.name, arguments.token_file)
    leave_with(None, 0)  # an agent that was killed may have left its end of our input to others
    Relay(lambda: Client(home, token=token), sys.stdout.fileno()).run(sys.stdin.buffer)
    return 0


def _token(home: Home, name: str | None, file: Path | None) -> str:
    """Return the token to show: the client's, the file's, or that of WARMLINE_TOKEN; the owner's is for no agent."""
    from warmline.interfaces.cli.client import TOKEN_VARIABLE, Client, token_in, token_of

    if name is not None:
        token = token_of(home, name)
    elif file is not None:
        token = token_in(file, "put the one there that `warmline credential new` prints")
    elif TOKEN_VARIABLE in os.environ:
        token = Client(home).token()
    else:
        raise InvalidInputError("say who speaks: `warmline connect` sets an agent up, with a credential of its own")
    if _is_owners(home, token):
        raise InvalidInputError(
            "that is the owner's token, which may do everything: give the agent one of its own"
            " (`warmline connect`, or `warmline credential new NAME`)"
        )
    return token


def _is_owners(home: Home, token: str) -> bool:
    try:
        return home.token.read_text(encoding="ascii").strip() == token
    except (OSError, ValueError):  # there is none yet, or none that an agent could have got hold of
        return False
