"""`store`: keep the database small and its seals fresh, and encrypt it."""

from __future__ import annotations

import argparse
from datetime import timedelta

from warmline.interfaces.cli import encrypting
from warmline.interfaces.cli.arguments import add_json, duration
from warmline.interfaces.cli.commands import Commands
from warmline.interfaces.cli.output import counted, one_line, show_json

DAY = timedelta(days=1)
KEPT = timedelta(days=30)


def add_parsers(commands: Commands) -> None:
    """Add the commands."""
    store = commands.add_parser("store", description="Upkeep of the database.")
    verbs = store.add_subparsers(title="commands", metavar="COMMAND", required=True)
    archive = verbs.add_parser("archive", help="move what is old into files", description=_archive.__doc__)
    archive.add_argument(
        "--older-than", type=duration, metavar="TIME", default=KEPT, help="since it was settled or cancelled (30d)"
    )
    archive.set_defaults(run=_archive)
    rotate = verbs.add_parser("rotate-key", help="seal under a new key from now on", description=_rotate.__doc__)
    rotate.set_defaults(run=_rotate)
    for each in (archive, rotate):
        add_json(each)
    encrypting.add_parsers(verbs)


def _archive(options: argparse.Namespace) -> int:
    """Move settled messages into compressed files in the home, which every command still reads.

    The daemon does it once a day by itself.
    """
    from warmline.interfaces.cli.client import client_for

    body = {"older_than_days": options.older_than / DAY}
    moved = client_for(options.home).call("POST", "/v1/store/archive", body)
    show_json(moved) if options.json else print(f"moved {counted(moved['messages'], 'message')} into the archive")
    return 0


def _rotate(options: argparse.Namespace) -> int:
    """Add a key under which all is sealed from now on. The old keys are kept: they verify what they sealed.

    The keys lie in the home, in seal.keys, readable by you alone. Keep a copy elsewhere than copies of the store.
    """
    from warmline.interfaces.cli.client import client_for

    rotated = client_for(options.home).call("POST", "/v1/store/rotate-key")
    if options.json:
        show_json(rotated)
    else:
        print(f"sealing under key {rotated['key']} from now on; the old ones are kept in {one_line(rotated['file'])}")
    return 0
