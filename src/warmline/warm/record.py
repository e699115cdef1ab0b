"""What a guardian holds, in a file, for the one that comes after a kill -9; and how that one ends what is left.

Found again are: who stands in the record, who carries the run's mark or has such an ancestor, and who is in
one of its cgroups. Not found is a process that daemonised after the last look and cleared its environment, where there
are no cgroups.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path

from warmline.warm import cgroup, processes
from warmline.warm.kin import Kin
from warmline.warm.processes import Key

_ROUND_SECONDS = 0.01


def write(file: Path, guardian: Key, held: Iterable[Key]) -> None:
    """Replace the record. It need not outlive a restart of the machine: nothing of what it names does.

    Raises OSError.
    """
    draft = file.with_suffix(".draft")
    said = {"boot": processes.boot(), "guardian": guardian, "held": list(held)}
    descriptor = os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as opened:
            json.dump(said, opened)
        draft.replace(file)
    except OSError:
        draft.unlink(missing_ok=True)
        raise


def sweep(folder: Path, groups: Path | None, seconds: float) -> int:
    """End what guardians before this one left behind, these included, and drop their records.

    A folder belongs to one daemon, and so to one guardian: any other is on its way out, or hangs. Returns how many
    processes were ended; gives up on those that outlive SIGKILL for `seconds`, and keeps their records.
    """
    until = time.monotonic() + seconds
    return sum(_sweep_one(file, groups, until) for file in sorted(folder.glob("*.json")))


def _sweep_one(file: Path, groups: Path | None, until: float) -> int:
    run = file.stem
    kin = Kin(0, subreaper=False)
    for key in _read(file):
        kin.hold(run, key)
    kin.retire(run)
    ended: set[Key] = set()
    while True:
        for group in cgroup.left(groups, f"warmline-{run}-"):
            cgroup.kill(group)
            cgroup.remove(group)
        kin.look(processes.table(), lambda pid: run if (processes.mark(pid) or "").startswith(f"{run}-") else None)
        due = kin.due()
        if not due:
            break
        ended.update(key for key in due if processes.send(key, signal.SIGKILL))
        if time.monotonic() > until:
            return len(ended)
        time.sleep(_ROUND_SECONDS)
    for group in cgroup.left(groups, f"warmline-{run}-"):
        cgroup.remove(group)
    file.unlink(missing_ok=True)
    return len(ended)


def _read(file: Path) -> list[Key]:
    """List whom a record names; nobody when it is damaged, or of another run of the machine."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        said = json.loads(file.read_text("ascii"))
        if said["boot"] == processes.boot():
            return [Key(*key) for key in [said["guardian"], *said["held"]]]
    return []
