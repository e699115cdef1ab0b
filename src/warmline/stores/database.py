"""The one SQLite file that store and directory stand on: its connections, their threads, its mailboxes in memory.

The archive lies beside it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol, TypeVar

import apsw

from warmline.errors import StoreClosedError, StoreError, UnknownMailboxError
from warmline.model import Mailbox
from warmline.protocols import Clock
from warmline.security.seals import Seals
from warmline.settings import StoreSettings
from warmline.stores.archive import SqliteArchive
from warmline.stores.disk import Log, LogFile
from warmline.stores.doubt import doubt_credentials
from warmline.stores.jobs import Job, Undo
from warmline.stores.ledger import Ledger
from warmline.stores.opening import open_reader, open_writer, translated
from warmline.stores.rows import micros
from warmline.stores.transaction import Box, News, Transaction, read_boxes
from warmline.stores.writer import Writer

Result = TypeVar("Result")


class Part(Protocol):
    """What stands on a database and keeps something of it in memory."""

    async def load(self) -> None:
        """Read what is kept: the database was opened."""

    def committed(self, news: News) -> None:
        """Hear of a commit, as `writer.Tell`."""

    def fail(self, error: Exception) -> None:
        """Give an error to all who wait: the database was closed."""


class Database:
    """Runs verbs on the file at `path`, which nobody else may write. May be opened again after it was closed.

    With a key, file and archive are encrypted under it. log opens what is synced beside it.
    """

    def __init__(
        self,
        path: Path,
        settings: StoreSettings,
        clock: Clock,
        seals: Seals,
        *,
        vfs: str | None = None,
        log: Callable[[Path], Log] = LogFile,
        ledger: type[Ledger] = Ledger,
        key: bytes | None = None,
    ) -> None:
        self.settings = settings
        self.clock = clock
        self._path = path
        self._seals = seals
        self._vfs = vfs
        self._open_log = log
        self._make_ledger = ledger
        self._key = key
        self.archive = SqliteArchive(self, path.with_name("archive"), key)
        self._parts: list[Part] = []
        self._boxes: dict[Mailbox, Box] = {}
        self._writer: Writer | None = None

    @property
    def boxes(self) -> Mapping[Mailbox, Box]:
        """Every mailbox as the last commit left it. A Box changes only while no verb runs."""
        return self._boxes

    def join(self, part: Part) -> None:
        """Load and tell a part from now on; call before `open`."""
        self._parts.append(part)

    async def open(self) -> None:
        """Open or make the file, start the threads, load the parts."""
        self._connection = await asyncio.to_thread(open_writer, self._path, self._seals, vfs=self._vfs, key=self._key)
        self._ledger = self._make_ledger(self._connection, self._seals)
        now = micros(self.clock.now())
        await asyncio.to_thread(doubt_credentials, self._connection, self._ledger, now)
        self._reading = await asyncio.to_thread(open_reader, self._path, vfs=self._vfs, key=self._key)
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="store reader")
        log = self._open_log(self._path)
        try:
            await asyncio.to_thread(log.sync)  # of what the making, a migration or the doubts have written
        except OSError as error:
            log.close()
            raise StoreError(f"the disk that holds the store fails ({error}): see to it, then try again") from error
        self._writer = Writer(self._connection, log, self._ledger, clock=self.clock, limits=self.settings, tell=self)
        self._boxes = await self.read(read_boxes)
        for part in self._parts:
            await part.load()

    async def close(self) -> None:
        """End the threads and close the file; safe to call twice."""
        if self._writer is None:
            return
        writer, self._writer = self._writer, None
        await writer.close()
        await asyncio.to_thread(self._reader.shutdown)
        self._reading.close()
        self._connection.close()
        error = _closed()
        for part in self._parts:
            part.fail(error)

    @property
    def is_open(self) -> bool:
        """Whether verbs can be run."""
        return self._writer is not None

    def check_open(self) -> None:
        """Raises StoreClosedError when it is not."""
        self._open_writer()

    def submit(
        self,
        verb: Callable[[Transaction], object],
        *,
        synced: bool,
        parking: Box | None = None,
        undo: Undo | None = None,
        early: bool = False,
        aside: bool = False,
    ) -> Job:
        """Send a verb on its way, as `Writer.submit`; it may wait parked at a mailbox. Raises StoreClosedError."""
        number = None if parking is None else parking.number
        return self._open_writer().submit(verb, synced=synced, parking=number, undo=undo, early=early, aside=aside)

    def abandon(self, job: Job) -> None:
        """Let a parked job go, as `Writer.abandon`. Its result is undone, if it had one."""
        if self._writer is not None:
            self._writer.abandon(job)

    async def write(
        self,
        verb: Callable[[Transaction], Result],
        *,
        synced: bool = True,
        aside: bool = False,
        checkpointed: bool = False,
    ) -> Result:
        """Run a verb that may write, committed together with its neighbours; the rest as `Writer.submit`.

        A verb whose work has no small bound belongs aside.
        """
        job = self._open_writer().submit(verb, synced=synced, aside=aside, checkpointed=checkpointed)
        return await job.done  # type: ignore[no-any-return]

    async def read(self, verb: Callable[[Transaction], Result]) -> Result:
        """Run a verb that only reads, on one snapshot, beside the writer. What it saw is durable when this returns."""
        writer = self._open_writer()
        await writer.until_settled()
        found = await asyncio.get_running_loop().run_in_executor(self._reader, self._read_now, verb)
        await writer.until_settled()
        return found

    def box(self, mailbox: Mailbox) -> Box:
        """Return what is known of a mailbox. Raises UnknownMailboxError, or StoreClosedError."""
        if self._writer is None:
            raise _closed()
        try:
            return self._boxes[mailbox]
        except KeyError:
            raise UnknownMailboxError(
                f"there is no mailbox {mailbox.name!a} in the conversation {mailbox.conversation!a}"
            ) from None

    def _open_writer(self) -> Writer:
        if self._writer is None:
            raise _closed()
        return self._writer

    def _read_now(self, verb: Callable[[Transaction], Result]) -> Result:
        try:
            cursor = self._reading.cursor()
            cursor.execute("begin")  # one snapshot for all of a verb's statements
            try:
                return verb(Transaction(cursor, 0, self._ledger))
            finally:
                cursor.execute("commit")
        except (apsw.Error, OverflowError, UnicodeError) as error:
            raise translated(error) from error

    def committed(self, news: News) -> None:
        """Keep what is new of the mailboxes, and pass the news on."""
        for mailbox, box in news.boxes.items():
            known = self._boxes.setdefault(mailbox, box)
            known.become(box)
        for part in self._parts:
            part.committed(news)


def _closed() -> StoreClosedError:
    return StoreClosedError("the store is closed")
