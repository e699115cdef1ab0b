"""What daemon and guardian say to each other: one JSON object a line; a spawn brings three descriptors along.

    > {"do": "spawn", "re": 1, "id": "..", "argv": [..], "env": {..}, "cwd": "/..", "limits": {"NOFILE": 1024}}   + 3
    < {"re": 1, "pid": 7, "started": 123}          or {"re": 1, "error": "why"}
    > {"do": "signal", "re": 2, "id": "..", "signal": "INT" | "TERM" | "KILL"}       to the group
    > {"do": "end", "re": 3, "id": "..", "grace": 2.0}
    > {"do": "list", "re": 4}
    < {"re": 4, "workers": [{"id": .., "pid": .., "started": .., "descendants": 3}]}
    < {"event": "ready", "pid": 5, "subreaper": true, "cgroups": false, "swept": 0}
    < {"event": "exited", "id": "..", "status": -9}          its first process ended; below 0: by that signal
    < {"event": "ended", "id": "..", "strays": 2, "left": []}         none of it is left but the pids in `left`

Sending and receiving without waiting, for the guardian's side; the daemon's side shares the form.
"""

from __future__ import annotations

import json
import os
import socket
from typing import Any

Said = dict[str, Any]

_CHUNK_BYTES = 64 * 1024
_MAX_DESCRIPTORS = 16


def encode(said: Said) -> bytes:
    """Write one line."""
    return json.dumps(said, separators=(",", ":")).encode() + b"\n"


class Lines:
    """Cuts what comes into lines."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[Said]:
        """Take in bytes, give back what is whole. Raises ValueError for a line that is no JSON."""
        *whole, self._rest = (self._rest + data).split(b"\n")
        return [json.loads(line) for line in whole]


class Peer:
    """One end of the socket, which never waits. What cannot be sent at once is kept for `flush`."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self.connection = connection
        self._lines = Lines()
        self._unsent = b""
        self._descriptors: list[int] = []

    @property
    def has_unsent(self) -> bool:
        """Tell whether `flush` has something to do."""
        return bool(self._unsent)

    def say(self, said: Said) -> None:
        """Send a line, as far as it goes now."""
        self._unsent += encode(said)
        self.flush()

    def flush(self) -> None:
        """Send what is left of earlier lines; all of it is dropped when nobody is there any more."""
        try:
            self._unsent = self._unsent[self.connection.send(self._unsent) :]
        except BlockingIOError:
            return
        except OSError:
            self._unsent = b""

    def hear(self) -> list[Said] | None:
        """Read what has come; None at the end. Descriptors wait for `take`. Raises ValueError as Lines does."""
        try:
            data, descriptors, _flags, _address = socket.recv_fds(self.connection, _CHUNK_BYTES, _MAX_DESCRIPTORS)
        except BlockingIOError:
            return []
        except OSError:
            return None
        self._descriptors += descriptors
        return self._lines.feed(data) if data else None

    def take(self, count: int) -> list[int]:
        """Take descriptors in the order in which they came; the caller closes them. Raises ValueError if too few."""
        if len(self._descriptors) < count:
            raise ValueError(f"{count} descriptors were to come along, there are {len(self._descriptors)}")
        taken, self._descriptors = self._descriptors[:count], self._descriptors[count:]
        return taken


def close_all(descriptors: list[int]) -> None:
    """Close descriptors."""
    for descriptor in descriptors:
        os.close(descriptor)
