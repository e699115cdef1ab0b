"""`redact --test`: what would be masked in files, without a daemon."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from warmline.interfaces.cli.arguments import add_json
from warmline.interfaces.cli.commands import Commands
from warmline.interfaces.cli.output import BOLD, YELLOW, complain, counted, hint, one_line, paint, show_json

EXIT_CLEAN = 0
EXIT_FOUND = 1
EXIT_UNREAD = 2

_ABOUT = """Say which secrets the files hold, where, and of which kind, as the line would mask them. They are
never shown. Binary files are named and left out. It needs no daemon. Ends with 0 when nothing was found, 1 when
something was, and 2 when nothing was found but a file could not be read."""


def add_parsers(commands: Commands) -> None:
    """Add the command."""
    redact = commands.add_parser("redact", description=_ABOUT)
    redact.add_argument(
        "--test",
        dest="files",
        nargs="+",
        required=True,
        metavar="FILE",
        help="files to look through; - is standard input",
    )
    add_json(redact)
    redact.set_defaults(run=_redact)


def _redact(options: argparse.Namespace) -> int:
    from warmline.operations.secret_scan import is_binary, sightings

    found, left_out, unread = [], [], []
    for name, content in _contents(options.files):
        if isinstance(content, OSError):
            unread.append({"file": name, "reason": content.strerror or "cannot be read"})
        elif is_binary(content):
            left_out.append(name)
        else:
            found += sightings(name, content)
    if options.json:
        show_json({"found": [each.as_json() for each in found], "binary": left_out, "unread": unread})
    else:
        for each in found:
            place = paint(f"{one_line(each.file)}:{each.line}", BOLD)
            print(f"{place}: {paint(each.kind, YELLOW)}: {one_line(each.preview)}")
        for name in left_out:
            hint(f"{one_line(name)} is binary: not looked through")
        for each_unread in unread:
            complain(f"{each_unread['file']} cannot be read: {each_unread['reason']}")
        passed_over = len(left_out) + len(unread)
        rest = f"; {counted(passed_over, 'file')} not looked through" if passed_over else ""
        hint(f"{counted(len(found), 'secret')} in {counted(len(options.files) - passed_over, 'file')}{rest}")
    return EXIT_FOUND if found else EXIT_UNREAD if unread else EXIT_CLEAN


def _contents(names: Sequence[str]) -> Iterator[tuple[str, bytes | OSError]]:
    for name in names:
        try:
            yield name, sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        except OSError as error:
            yield name, error
