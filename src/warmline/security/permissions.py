"""Whose the files in a home are, and whether others could have read or changed them: looked at when a daemon starts.

It knows names and modes, and nothing of what stands in the files.
"""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from warmline.errors import UnsafeHomeError

OTHERS = stat.S_IRWXG | stat.S_IRWXO

ALWAYS_CLOSED = ("owner.token", "seal.keys", "encryption.json", "store.db", "archive", "held")
"""Beginnings of the names of what is made closed (0600, 0700), whatever the umask: what is open was opened."""


class _Open(NamedTuple):
    """A file or folder with rights for others, and whether the folders above it let them come so far."""

    path: str
    mode: int
    is_reachable: bool


def close_to_others(home: Path) -> list[Path]:
    """Close what nobody else could have read, such as an index that was made under another umask; return what was.

    The home itself is closed when others could have seen the names in it, and is then the last that is returned.
    Raises UnsafeHomeError, and has then changed nothing, when a file is not the user's own, is neither a file nor a
    folder nor a socket, or is open to others who could reach it, or to whom it is always closed (ALWAYS_CLOSED).
    """
    top = stat.S_IMODE(home.stat().st_mode)
    opened = list(_opened(str(home), is_reachable=bool(top & OTHERS)))
    exposed = [each.path for each in opened if each.is_reachable or _is_always_closed(home, each.path)]
    if exposed:
        named = f"{exposed[0]} and {len(exposed) - 1:,} more are" if exposed[1:] else f"{exposed[0]} is"
        raise UnsafeHomeError(
            f"{named} open to others: consider who has read that, then run `chmod -R go= {shlex.quote(str(home))}`"
        )
    if top & OTHERS:
        opened.append(_Open(str(home), top, is_reachable=True))
    for path, mode, _ in opened:
        Path(path).chmod(mode & ~OTHERS)
    return [Path(each.path) for each in opened]


def _opened(folder: str, *, is_reachable: bool) -> Iterator[_Open]:
    """Yield what is open to others below a folder. Raises UnsafeHomeError at what should not be there."""
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                found = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue  # a command has just settled what it held
            if found.st_uid != os.geteuid():
                raise UnsafeHomeError(f"{entry.path} belongs to another user: a home holds your own files alone")
            if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode) or stat.S_ISSOCK(found.st_mode)):
                raise UnsafeHomeError(f"{entry.path} is no regular file or folder: put the one that was there in place")
            mode = stat.S_IMODE(found.st_mode)
            if mode & OTHERS:
                yield _Open(entry.path, mode, is_reachable)
            if stat.S_ISDIR(found.st_mode):
                yield from _opened(entry.path, is_reachable=is_reachable and bool(mode & OTHERS))


def _is_always_closed(home: Path, path: str) -> bool:
    return Path(path).relative_to(home).parts[0].startswith(ALWAYS_CLOSED)
