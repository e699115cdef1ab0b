"""A cgroup (version 2) for each worker, where one can be had: the kernel then ends all in it at once, whoever forks.

It can be had where the guardian's own cgroup may be written: below a systemd user manager, in many containers.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path


def own() -> Path | None:
    """Find the folder of this process's cgroup; None where there is none of version 2."""
    try:
        mounts = Path("/proc/self/mounts").read_text("utf-8").splitlines()
        lines = Path("/proc/self/cgroup").read_text("utf-8").splitlines()
    except OSError:
        return None
    root = next((fields[1] for line in mounts if (fields := line.split())[2] == "cgroup2"), None)
    path = next((line[4:] for line in lines if line.startswith("0::/")), None)
    return None if root is None or path is None else Path(root) / path


def make(parent: Path | None, name: str) -> Path | None:
    """Make an empty cgroup that can be killed as a whole; None where that cannot be had."""
    if parent is None:
        return None
    made = parent / name
    try:
        made.mkdir()
    except OSError:
        return None
    if (made / "cgroup.kill").exists():
        return made
    remove(made)
    return None


def enter(cgroup: Path) -> None:
    """Move this process there. Raises OSError when it may not."""
    (cgroup / "cgroup.procs").write_text("0", "ascii")


def kill(cgroup: Path) -> None:
    """End all in it and below it, those too that are being forked; nothing when it is gone."""
    with contextlib.suppress(OSError):
        (cgroup / "cgroup.kill").write_text("1", "ascii")


def is_populated(cgroup: Path) -> bool:
    """Tell whether any process is left in it or below it."""
    try:
        return "populated 1" in (cgroup / "cgroup.events").read_text("ascii")
    except OSError:
        return False


def remove(cgroup: Path) -> bool:
    """Remove an empty cgroup and those below it; False when a process is left in one."""
    try:
        for below in sorted(cgroup.glob("**/"), reverse=True):
            below.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def left(parent: Path | None, beginning: str) -> Iterator[Path]:
    """Yield the cgroups whose names begin so."""
    if parent is not None:
        yield from parent.glob(f"{beginning}*/")
