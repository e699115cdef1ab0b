"""Whose descendant a process is: the rules, without a look at any process.

A process belongs to the worker to whom its parent belongs, for good: that it re-parents later changes nothing. One
whose parents were never seen is told by the mark in its environment. One without that, below a subreaper, is a
descendant of some worker that lived when it was first seen: it belongs to all of these and is due when the last is
retired, so that no worker's retirement touches another's descendants.

Not guaranteed: without a subreaper, a process that daemonised between two looks and cleared its environment is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from warmline.warm.processes import Key, Process

Owners = frozenset[str]

NOBODY: Owners = frozenset()
LEFT_BEHIND: Owners = frozenset({""})
"""Of a foundling that was first seen when no worker lived: due at once."""


class Kin:
    """The descendants of each worker, as far as they were seen. Below a subreaper all of them are below `guardian`."""

    def __init__(self, guardian: int, *, subreaper: bool) -> None:
        self._guardian = guardian
        self._subreaper = subreaper
        self._living: set[str] = set()
        self._owners: dict[Key, Owners] = {}
        self._strangers: set[Key] = set()

    def hold(self, worker: str, key: Key) -> None:
        """Begin with a worker and its first process."""
        self._living.add(worker)
        self._owners[key] = frozenset({worker})

    def retire(self, worker: str) -> None:
        """Let everything that belongs to retired workers alone be due."""
        self._living.discard(worker)

    def look(self, processes: Iterable[Process], mark: Callable[[int], str | None]) -> None:
        """Take in who lives now. `mark` is asked at most once for each process: for the worker that its mark names."""
        now = {process.key.pid: process for process in processes}
        before = {key.pid: key for key in self._owners}
        found: dict[Key, Owners] = {}
        for process in now.values():
            self._find(process, now, before, found, mark)
        self._owners = {key: owners for key, owners in found.items() if owners}
        if not self._subreaper:  # below one nobody's mark is asked twice, and a stranger may yet turn out to be ours
            self._strangers = {key for key, owners in found.items() if not owners}

    def due(self) -> list[Key]:
        """List the processes whose owners are all retired."""
        return [key for key, owners in self._owners.items() if not owners & self._living]

    def of(self, worker: str) -> list[Key]:
        """List the processes that belong to this worker and no other."""
        return [key for key, owners in self._owners.items() if owners == {worker}]

    def held(self) -> list[Key]:
        """List all processes that belong to anybody."""
        return list(self._owners)

    def _find(
        self,
        process: Process,
        now: dict[int, Process],
        before: dict[int, Key],
        found: dict[Key, Owners],
        mark: Callable[[int], str | None],
    ) -> None:
        """Climb to the first ancestor whose owners are known, then give them to all on the way down."""
        way: list[Process] = []
        owners: Owners | None = None
        at: Process | None = process
        while at is not None and owners is None:
            owners = self._known(at.key, found)
            if owners is None:
                way.append(at)
                owners = self._departed(at, now, before)
                at = self._parent(at, now)
        for below in reversed(way):
            owners = owners or self._foundling(below, mark)
            found[below.key] = owners
        found.setdefault(process.key, owners or NOBODY)

    def _known(self, key: Key, found: dict[Key, Owners]) -> Owners | None:
        """Tell the owners from this look or an earlier one; nobody's, for the guardian and for strangers."""
        if key in found:
            return found[key]
        if key in self._owners:
            return self._owners[key]
        return NOBODY if key.pid == self._guardian or key in self._strangers else None

    def _departed(self, process: Process, now: dict[int, Process], before: dict[int, Key]) -> Owners | None:
        """Tell the owners of a parent that was seen earlier and is gone by now."""
        parent = before.get(process.parent)
        if parent is None or process.parent in now or parent.started > process.key.started:
            return None
        return self._owners[parent]

    def _parent(self, process: Process, now: dict[int, Process]) -> Process | None:
        """Tell the parent; none, when what has its pid is younger and so took the pid over meanwhile."""
        parent = now.get(process.parent)
        if parent is None or parent.key == process.key or parent.key.started > process.key.started:
            return None
        return parent

    def _foundling(self, process: Process, mark: Callable[[int], str | None]) -> Owners:
        """Tell the owners of a process that has no ancestor of ours."""
        if self._subreaper and process.parent != self._guardian:
            return NOBODY
        worker = mark(process.key.pid)
        if worker is not None:
            return frozenset({worker})
        return (frozenset(self._living) or LEFT_BEHIND) if self._subreaper else NOBODY
