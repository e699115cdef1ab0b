"""A folder in memory: what must not reach the disk, and has to be a file, lies there while a daemon works.

It is on a tmpfs, closed to others (0700), and goes with its daemon; what a killed one has left goes at the next
start. The system may write it to swap.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from warmline.errors import DaemonError

PLACE = Path("/dev/shm")  # noqa: S108  # the one that is a tmpfs
_MOUNTS = Path("/proc/self/mountinfo")
_IN_MEMORY = {"tmpfs", "ramfs"}


def check_place(place: Path = PLACE) -> None:
    """Raises DaemonError where the system has no folder in memory."""
    if _file_system_of(place.resolve()) not in _IN_MEMORY or not os.access(place, os.W_OK):
        raise DaemonError(
            f"an encrypted home needs a folder in memory, and {place} is no tmpfs that you may write to:"
            " mount one there, or keep the home on an encrypted disk instead"
        )


@contextmanager
def open_workspace(home: Path) -> Iterator[Path]:
    """Make an empty folder for the daemon of this home, and remove it at the end. Only its owner may call this."""
    check_place()
    prefix = workspace_prefix(home)
    for left in PLACE.glob(f"{prefix}*"):
        if left.lstat().st_uid == os.getuid():
            shutil.rmtree(left, ignore_errors=True)  # it follows no link
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=PLACE))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def workspace_prefix(home: Path) -> str:
    """Return how the names of this home's folders in memory begin."""
    return f"warmline-{hashlib.sha256(os.fsencode(home.resolve())).hexdigest()[:16]}-"


def _file_system_of(folder: Path) -> str:
    """Return the kind of file system that is mounted at this folder, or nothing."""
    try:
        mounts = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return ""
    kinds = [fields.split(" - ")[1].split()[0] for fields in mounts if fields.split()[4] == str(folder)]
    return kinds[-1] if kinds else ""  # the last one mounted is the one that is seen
