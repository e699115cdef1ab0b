"""How a client opens a connection, step by step without ever waiting: who waits, and how, is another's business."""

from __future__ import annotations

import errno
import os
import select
import stat
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from warmline.errors import DisconnectedError
from warmline.listen.addresses import Address
from warmline.listen.fifo.files import FLAGS, prefix_of
from warmline.listen.fifo.lines import refusal_in, write_open
from warmline.listen.transports import unreachable

READ_BYTES = 4096


class Ends(NamedTuple):
    """A client's ends of a connection, which do not block; begun is what the instance has said already."""

    replies: int
    requests: int
    begun: bytes


class Opening:
    """One try to connect. Raises DisconnectedError, when it is made or advanced, where there is no instance (any more).

    Close it when it failed or was given up: nothing of it is left then. When `advance` has returned the ends, they are
    the caller's, and there is nothing to close.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        path = address.path
        self._names: list[Path] = []
        self._held: list[int] = []
        self._heard = b""
        try:
            self.rendezvous = self._hold(_knock(address))
            stem = f"{prefix_of(path)}{os.urandom(8).hex()}"
            self._requests = self._make(path.with_name(f"{stem}.requests"), os.O_WRONLY)
            self.replies = self._make(path.with_name(f"{stem}.replies"), os.O_RDONLY)
            self._unsaid = write_open(f"{stem}.requests", f"{stem}.replies")
        except OSError as error:
            self.close()
            raise unreachable(address, error) from error
        except BaseException:
            self.close()
            raise

    def _make(self, path: Path, flags: int) -> int:
        os.mkfifo(path, 0o600)
        self._names.append(path)
        # Held both ways for now: we are seen to live, and our own end can be opened before the instance's.
        self._hold(os.open(path, os.O_RDWR | FLAGS))
        return self._hold(os.open(path, flags | FLAGS))

    def _hold(self, descriptor: int) -> int:
        self._held.append(descriptor)
        return descriptor

    @property
    def waits_to_write(self) -> bool:
        """Tell whether the rendezvous is full: wait until it can be written, else until replies can be read.

        In both cases the rendezvous also tells, as an error, of an instance that has died.
        """
        return bool(self._unsaid)

    def advance(self) -> Ends | None:
        """Do what can be done now; return the ends when the connection is open, None: wait and come again."""
        gone = self._instance_is_gone()  # looked at first: what it said before it died still counts
        if self._unsaid and not gone:
            self._say()
        with suppress(BlockingIOError):
            self._heard += os.read(self.replies, READ_BYTES)
        line, ended, begun = self._heard.partition(b"\n")
        if ended:
            return self._finish(line, begun)
        if gone:
            raise DisconnectedError(f"the instance at {self._address} has gone")
        return None

    def _say(self) -> None:
        with suppress(BlockingIOError):
            try:
                os.write(self.rendezvous, self._unsaid)  # all or nothing: it is shorter than PIPE_BUF
            except BrokenPipeError as error:
                raise DisconnectedError(f"the instance at {self._address} has gone") from error
            self._unsaid = b""

    def _instance_is_gone(self) -> bool:
        poll = select.poll()
        poll.register(self.rendezvous, 0)
        return bool(poll.poll(0))

    def _finish(self, line: bytes, begun: bytes) -> Ends:
        if (refusal := refusal_in(line)) is not None:
            raise DisconnectedError(f"the instance at {self._address} opened no connection: {refusal}")
        self._held = [descriptor for descriptor in self._held if descriptor not in {self.replies, self._requests}]
        self._names.clear()  # the instance took them away before it said so
        self.close()
        return Ends(self.replies, self._requests, begun)

    def close(self) -> None:
        """Leave nothing behind; twice is fine."""
        for name in self._names:
            name.unlink(missing_ok=True)
        self._names.clear()
        for descriptor in self._held:
            os.close(descriptor)
        self._held.clear()


def _knock(address: Address) -> int:
    """Open the rendezvous to write to. Raises OSError, DisconnectedError."""
    try:
        descriptor = os.open(address.path, os.O_WRONLY | FLAGS)
    except OSError as error:
        if error.errno == errno.ENXIO:
            raise ConnectionRefusedError(errno.ECONNREFUSED, "nobody reads there") from error
        raise
    found = os.fstat(descriptor)
    if not (stat.S_ISFIFO(found.st_mode) and found.st_uid == os.geteuid()):
        os.close(descriptor)
        raise DisconnectedError(f"no instance answers at {address}: it is no FIFO of yours")
    return descriptor
