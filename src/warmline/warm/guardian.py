"""The guardian: one small process that starts the workers, holds all their descendants, and ends them.

It ends a worker's descendants when that worker is retired or has ended by itself, and all of them, then itself, when
the daemon's end of the socket closes, which kill -9 of the daemon does. It is a child subreaper: whoever daemonises
below it becomes its child and nobody else's. No byte of a conversation passes through it.

SIGINT, SIGTERM and SIGHUP do not end it while the daemon lives: they reach whole groups, and the daemon may have work
to finish. Whoever wants it gone ends the daemon. After kill -9 its workers get SIGKILL by the kernel
(PR_SET_PDEATHSIG), and the next guardian of the same folder ends their descendants.

Run as `python -P -m warmline.warm.guardian RULES` with the socket as descriptor 0; RULES is a JSON object, see `Rules`.
Without a subreaper (macOS) a daemonised process is known if it was seen before its parent died: then
the table of processes is looked at more often. It imports the standard library only, and little of that.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys
import time
from pathlib import Path
from typing import NamedTuple

from warmline.warm import cgroup, processes, record
from warmline.warm.held import Held
from warmline.warm.kin import Kin
from warmline.warm.processes import Key
from warmline.warm.starting import become_subreaper, start
from warmline.warm.wire import Peer, Said, close_all


class Rules(NamedTuple):
    """What the daemon decides. All in seconds; the reasons stand in WarmSettings."""

    folder: str
    """Where the records lie; it exists."""
    look: float
    """Between two looks at the table of processes while workers live."""
    round: float
    """Between two rounds of KILL."""
    grace: float
    """From TERM to KILL when the daemon is gone."""
    give_up: float
    """How long a process may outlive SIGKILL until it is named as left."""
    subreaper: bool
    cgroups: bool


class Guardian:
    """The loop, and what it holds. One thread; nothing in it waits for anything but in `_wait`."""

    def __init__(self, peer: Peer, rules: Rules, wake: int) -> None:
        self._peer = peer
        self._rules = rules
        self._wake = wake
        self._run = os.urandom(8).hex()  # the module secrets would load OpenSSL
        self._subreaper = rules.subreaper and become_subreaper()
        self._groups = cgroup.own() if rules.cgroups else None
        self._kin = Kin(os.getpid(), subreaper=self._subreaper)
        self._held: dict[str, Held] = {}
        self._file = Path(rules.folder) / f"{self._run}.json"
        self._recorded: list[Key] | None = None
        self._is_behind = False
        self._next_look = 0.0
        self._has_children = False
        self._leave_by: float | None = None
        self._verbs = {"spawn": self._spawn, "signal": self._signal, "end": self._end, "list": self._list}

    def run(self) -> None:
        """Hold workers until the daemon is gone and nothing is left of them."""
        swept = record.sweep(Path(self._rules.folder), self._groups, self._rules.give_up)
        self._record()
        trial = cgroup.make(self._groups, f"warmline-{self._run}-trial")
        if trial is None or not cgroup.remove(trial):
            self._groups = None
        self._peer.say(
            {
                "event": "ready",
                "pid": os.getpid(),
                "subreaper": self._subreaper,
                "cgroups": self._groups is not None,
                "swept": swept,
            }
        )
        while self._leave_by is None or (self._has_children and time.monotonic() < self._leave_by):
            self._wait()
            self._reap()
            self._go_on()
        if not self._has_children:  # else the next guardian of the folder finds whom this one could not end
            self._file.unlink(missing_ok=True)

    def _wait(self) -> None:
        daemon = [] if self._leave_by else [self._peer.connection.fileno()]
        writing = daemon if self._peer.has_unsent else []
        ready, writable, _ = select.select([self._wake, *daemon], writing, [], self._patience())
        if self._wake in ready:
            os.read(self._wake, 4096)
        if writable:
            self._peer.flush()
        if daemon and daemon[0] in ready:
            self._hear()

    def _patience(self) -> float | None:
        """Tell how long nothing has to be done; None while there is nobody."""
        if any(held.is_retired and not held.gave_up for held in self._held.values()):
            return self._rules.round
        times = [held.kill_at for held in self._held.values() if held.kill_at is not None and not held.is_retired]
        if self._held or self._has_children:
            times.append(self._next_look)
        if self._leave_by is not None:
            times.append(time.monotonic() + self._rules.round)
        return max(min(times) - time.monotonic(), 0) if times else None

    def _hear(self) -> None:
        heard = self._peer.hear()
        if heard is None:
            kill_at = time.monotonic() + self._rules.grace
            self._leave_by = kill_at + self._rules.give_up
            self._next_look = 0
            for held in self._held.values():
                held.end(kill_at)
            return
        for said in heard:
            try:
                answer = self._verbs[said["do"]](said)
            except (OSError, ValueError, LookupError) as error:
                answer = {"error": f"{error}"}
            self._peer.say({"re": said["re"], **answer})

    def _spawn(self, said: Said) -> Said:
        worker = f"{self._run}-{said['id']}"
        stdio = self._peer.take(3)
        group = cgroup.make(self._groups, f"warmline-{worker}")
        try:
            process = start(
                said["argv"],
                environment={**said["env"], processes.MARK: worker},
                folder=said["cwd"],
                stdio=stdio,
                limits=said["limits"],
                group=group,
            )
        except (OSError, ValueError):
            if group is not None:
                cgroup.remove(group)
            raise
        finally:
            close_all(stdio)
        key = Key(process.pid, processes.started(process.pid) or 0)
        self._held[worker] = Held(said["id"], process, key, group)
        self._kin.hold(worker, key)
        self._record()
        return {"pid": key.pid, "started": key.started}

    def _signal(self, said: Said) -> Said:
        self._find(said).send(signal.Signals[f"SIG{said['signal']}"])
        return {}

    def _end(self, said: Said) -> Said:
        self._find(said).end(time.monotonic() + said["grace"])
        return {}

    def _list(self, _said: Said) -> Said:
        self._look()
        return {
            "workers": [
                {
                    "id": held.worker,
                    "pid": held.key.pid,
                    "started": held.key.started,
                    "descendants": sum(key != held.key for key in self._kin.of(worker)),
                }
                for worker, held in self._held.items()
            ]
        }

    def _find(self, said: Said) -> Held:
        held = self._held.get(f"{self._run}-{said['id']}")
        if held is None:
            raise ValueError(f"no worker {said['id']} is held")
        return held

    def _reap(self) -> None:
        """Bury all children that have died, strays too, so that no zombie is left, and learn whether any live."""
        leaders = {held.key.pid: held for held in self._held.values() if not held.has_exited}
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                self._has_children = False
                return
            if pid == 0:
                self._has_children = True
                return
            if pid in leaders:
                held = leaders[pid]
                held.exited(os.waitstatus_to_exitcode(status))
                self._peer.say({"event": "exited", "id": held.worker, "status": os.waitstatus_to_exitcode(status)})

    def _go_on(self) -> None:
        """Retire whose time has come, kill what is due, and let go of what is gone."""
        now = time.monotonic()
        for worker, held in self._held.items():
            if not held.is_retired and (held.has_exited or (held.kill_at is not None and now >= held.kill_at)):
                held.give_up_at = now + self._rules.give_up
                self._kin.retire(worker)
        retired = {worker: held for worker, held in self._held.items() if held.is_retired}
        if retired or (now >= self._next_look and (self._held or self._has_children)):
            self._look()
            for key in self._kin.due():
                processes.send(key, signal.SIGKILL)
        for worker, held in retired.items():
            self._finish(worker, held, now)

    def _finish(self, worker: str, held: Held, now: float) -> None:
        due = [key for key in self._kin.of(worker) if not (key == held.key and held.has_exited)]
        held.kill(due)
        if held.is_gone(due):
            if not held.gave_up:
                self._peer.say(held.ended([]))
            del self._held[worker]
            self._record()
        elif not held.gave_up and now >= (held.give_up_at or now):
            held.gave_up = True
            self._peer.say(held.ended(due))

    def _look(self) -> None:
        self._next_look = time.monotonic() + self._rules.look
        self._kin.look(processes.table(), self._whose)
        self._record()

    def _whose(self, pid: int) -> str | None:
        mark = processes.mark(pid)
        return mark if mark in self._held else None

    def _record(self) -> None:
        """Write down who is held, when that has changed. Raises OSError when there is no record at all.

        An older one does for a while: who does not stand in it is found by its mark. It is tried again at each look.
        """
        held = sorted(self._kin.held())
        if held == self._recorded:
            return
        try:
            record.write(self._file, Key(os.getpid(), processes.started(os.getpid()) or 0), held)
        except OSError as error:
            if self._recorded is None:
                raise
            if not self._is_behind:
                sys.stderr.write(f"the guardian's record {self._file} cannot be written: {error.strerror}\n")
            self._is_behind = True
        else:
            self._recorded, self._is_behind = held, False


def main() -> None:
    """Be the guardian of the daemon at descriptor 0."""
    # Not descriptor 0 itself, which a worker gets as its stdin; and closed in workers.
    connection = socket.socket(fileno=os.dup(0))
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.close(nothing)
    wake, alarm = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC) if hasattr(os, "pipe2") else os.pipe()
    os.set_blocking(alarm, False)
    signal.set_wakeup_fd(alarm, warn_on_full_buffer=False)
    # Handlers, since what is ignored would be ignored in the workers too.
    for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda _number, _frame: None)
    Guardian(Peer(connection), Rules(**json.loads(sys.argv[1])), wake).run()


if __name__ == "__main__":
    main()
