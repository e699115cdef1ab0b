"""The instance's side of FIFOs: reads the rendezvous, opens what clients made, and makes sessions of them."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from warmline.errors import UnsafePathError
from warmline.listen.addresses import Address
from warmline.listen.fifo.files import Rendezvous
from warmline.listen.fifo.lines import OPENED, Letter, Lines, Open, read_line
from warmline.listen.fifo.transport import FifoTransport
from warmline.listen.messages import Problem
from warmline.listen.protocol import encode_reply
from warmline.settings import ListenSettings

logger = logging.getLogger(__name__)

READ_BYTES = 16 * 1024
"""Of the rendezvous at a time: others on the loop get their turn between."""

OVERLOADED = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS}

OPEN_TO_OTHERS = Problem("unsafe_path", "others may open the FIFO for replies: make it with `mkfifo -m 600`")


class Held(NamedTuple):
    """A letter whose FIFO for replies nobody reads yet."""

    letter: Letter
    until: float


class FifoListener:
    """See seam.Listener. Every `sweep_period` it removes what clients that were killed have left in its folder."""

    def __init__(self, address: Address, settings: ListenSettings) -> None:
        """Raises DaemonError."""
        self._address = address
        self._settings = settings
        self._rendezvous = Rendezvous(address.path)
        self._lines = Lines()
        self._waiting: deque[bytes] = deque()
        self._held: deque[Held] = deque()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._closed = False

    @property
    def address(self) -> Address:
        """See seam.Listener."""
        return self._address

    def open(self, new_session: Callable[[], asyncio.Protocol]) -> None:
        """See seam.Listener."""
        self._loop = asyncio.get_running_loop()
        self._new_session = new_session
        self._loop.add_reader(self._rendezvous.descriptor, self._read)
        self._sweep()

    def close(self) -> None:
        """See seam.Listener."""
        if self._closed:
            return
        self._closed = True
        for timer in self._timers.values():
            timer.cancel()
        if hasattr(self, "_loop"):
            self._loop.remove_reader(self._rendezvous.descriptor)
        self._waiting.clear()
        self._held.clear()
        self._rendezvous.close()

    def _read(self) -> None:
        with suppress(BlockingIOError):
            self._waiting += self._lines.feed(os.read(self._rendezvous.descriptor, READ_BYTES))
        self._work()

    def _work(self) -> None:
        """Take the lines in order; without a descriptor left, all wait a little, and nothing more is read."""
        while self._waiting:
            try:
                self._take(self._waiting[0])
            except OSError as error:
                if error.errno in OVERLOADED:
                    self._loop.remove_reader(self._rendezvous.descriptor)
                    self._later("work", self._settings.accept_pause.total_seconds(), self._work_again)
                    return
                logger.debug("a line at the rendezvous is left out", extra={"reason": error.strerror})
            except UnsafePathError as error:
                logger.debug("a line at the rendezvous is left out", extra={"reason": str(error)})
            self._waiting.popleft()

    def _work_again(self) -> None:
        self._loop.add_reader(self._rendezvous.descriptor, self._read)
        self._work()

    def _take(self, line: bytes) -> None:
        match read_line(line):
            case Open(requests, replies):
                self._connect(requests, replies)
            case Letter() as letter:
                if not self._deliver(letter):
                    self._hold(letter)
            case None:
                raise UnsafePathError("it cannot be understood")

    # Connections

    def _connect(self, requests: str, replies: str) -> None:
        """Open a client's two FIFOs. Raises UnsafePathError, OSError."""
        prefix = self._rendezvous.prefix
        if requests == replies or not (requests.startswith(prefix) and replies.startswith(prefix)):
            raise UnsafePathError(f"a connection wants two FIFOs whose names begin with {prefix}")
        writing = self._open_private(replies, os.O_WRONLY)
        try:
            reading = self._open_private(requests, os.O_RDONLY)
        except BaseException:
            os.close(writing)
            raise
        self._rendezvous.unlink(requests)
        self._rendezvous.unlink(replies)
        if _say(writing, OPENED):
            self._begin(reading, writing, b"")
        else:
            os.close(reading)
            os.close(writing)

    def _open_private(self, name: str, flags: int) -> int:
        descriptor, private = self._rendezvous.open_checked(name, flags)
        if not private:
            os.close(descriptor)
            raise UnsafePathError("others may open that FIFO")
        return descriptor

    def _begin(self, reading: int | None, writing: int, begun: bytes) -> None:
        transport = FifoTransport(self._loop, self._new_session(), reading, writing)
        self._loop.call_soon(transport.begin, begun)

    # Letters

    def _deliver(self, letter: Letter) -> bool:
        """Make a session of a letter; False: nobody reads its replies yet. Raises UnsafePathError, OSError."""
        try:
            writing, private = self._rendezvous.open_checked(letter.reply_to, os.O_WRONLY)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return False
            raise
        if private:
            self._begin(None, writing, letter.line)
        else:
            _say(writing, encode_reply(OPEN_TO_OTHERS))
            os.close(writing)
        return True

    def _hold(self, letter: Letter) -> None:
        """Wait for a reader: a shell sends its question first, and opens the FIFO for the answer then."""
        self._held.append(Held(letter, self._loop.time() + self._settings.letter_patience.total_seconds()))
        if len(self._held) > self._settings.letters:
            self._held.popleft()
        self._later("letters", self._settings.letter_period.total_seconds(), self._look_at_letters)

    def _look_at_letters(self) -> None:
        for held in [self._held.popleft() for _ in range(len(self._held))]:
            try:
                if not self._deliver(held.letter) and held.until > self._loop.time():
                    self._held.append(held)
            except OSError as error:
                if error.errno in OVERLOADED:
                    self._held.append(held)
            except UnsafePathError:
                continue
        if self._held:
            self._later("letters", self._settings.letter_period.total_seconds(), self._look_at_letters)

    # What comes again

    def _sweep(self) -> None:
        if swept := self._rendezvous.sweep(self._settings.leftover_age.total_seconds()):
            logger.info("FIFOs of clients that ended were removed", extra={"count": swept})
        self._later("sweep", self._settings.sweep_period.total_seconds(), self._sweep)

    def _later(self, what: str, seconds: float, do: Callable[[], None]) -> None:
        if what not in self._timers:
            self._timers[what] = self._loop.call_later(seconds, self._now, what, do)

    def _now(self, what: str, do: Callable[[], None]) -> None:
        del self._timers[what]
        do()


def _say(writing: int, line: bytes) -> bool:
    """Say a line to who has just been opened; False: it has gone, or has filled its own FIFO."""
    try:
        return os.write(writing, line) == len(line)
    except (BrokenPipeError, BlockingIOError):
        return False
