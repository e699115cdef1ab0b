"""Two stores to which everything is said alike: the one in memory, and the one on a file."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from manual_clock import ManualClock
from sealing import BY, SEALS, assert_ledger_is_true
from warmline.directory import Directory
from warmline.errors import WarmlineError
from warmline.model import DEFAULT_CONVERSATION, MEMORY_MAILBOX, THE_LINE, Batch, BatchToken, Lease, Message, MessageId
from warmline.parties import Conversation
from warmline.protocols import QuestionFilter, Store
from warmline.settings import StoreSettings
from warmline.stores.directory import SqliteDirectory
from warmline.stores.memory import MemoryDirectory, MemoryStore
from warmline.stores.sqlite import SqliteStore

Verb = Callable[["Side"], Awaitable[Any]]
Pair = tuple[Any, Any]


@dataclass
class Side:
    """A store with its directory. numbers are those of the messages that it holds, by their ids."""

    store: Store
    directory: Directory
    numbers: dict[MessageId, int]


class TwoStores:
    """Says it to both, and compares what comes back, to every last field but what is random."""

    def __init__(self, limits: StoreSettings, clock: ManualClock, team: Conversation) -> None:
        self.runner = asyncio.Runner()
        self.clock = clock
        self.leases: list[Pair] = []
        self.batches: list[Pair] = []
        self.waiting: list[tuple[asyncio.Task[Any], asyncio.Task[Any]]] = []
        self._folder = tempfile.TemporaryDirectory()
        self._limits = limits
        self._team = team
        store = MemoryStore(limits, self.clock)
        self.memory = Side(store, MemoryDirectory(store.records), {})
        self.sqlite = self._on_file()
        self.runner.run(self._open())

    def end(self) -> None:
        """Let everyone go who waits, and close both."""
        self.runner.run(self._close())
        self.runner.close()
        self._folder.cleanup()

    def both(self, verb: Verb) -> Pair:
        """Say it to both; their results, or the types of their errors, must be equal."""

        async def say() -> Pair:
            async with asyncio.timeout(5):
                pair = await _outcome(verb(self.memory)), await _outcome(verb(self.sqlite))
                await self._calm_down()
                self._compare(*pair)
                return pair

        return self.runner.run(say())

    def wait(self, verb: Verb) -> None:
        """Begin to wait in both."""

        async def begin() -> None:
            in_memory = asyncio.ensure_future(_outcome(verb(self.memory)))
            on_file = asyncio.ensure_future(_outcome(verb(self.sqlite)))
            self.waiting.append((in_memory, on_file))
            await asyncio.sleep(0)
            await self._calm_down()

        self.runner.run(begin())

    def leave(self, index: int) -> None:
        """Cancel one who waits, in both."""
        pair = self.waiting.pop(index % len(self.waiting))

        async def leave() -> None:
            for task in pair:
                task.cancel()
            await asyncio.gather(*pair, return_exceptions=True)
            await self._calm_down()

        self.runner.run(leave())

    def with_lease(self, index: int, verb: Callable[[Side, Lease], Awaitable[Any]]) -> Pair:
        """Present a lease, each store's own, which may be long over."""
        in_memory, on_file = self.leases[-1 - index % len(self.leases)]
        return self.both(lambda side: verb(side, in_memory if side is self.memory else on_file))

    def with_batch(self, index: int, verb: Callable[[Side, BatchToken], Awaitable[Any]]) -> Pair:
        """Present a batch's token, each store's own."""
        in_memory, on_file = self.batches[-1 - index % len(self.batches)]
        return self.both(lambda side: verb(side, in_memory.token if side is self.memory else on_file.token))

    def reopen(self) -> None:
        """Close the file, and open it again."""

        async def reopen() -> None:
            await self.sqlite.store.close()
            numbers, self.sqlite = self.sqlite.numbers, self._on_file()
            self.sqlite.numbers.update(numbers)
            await self.sqlite.store.open()

        self.runner.run(reopen())

    def compare_all(self) -> None:
        """Compare all that can be listed, and the file's ledger with its rows."""
        assert_ledger_is_true(Path(self._folder.name) / "store.db")
        self.both(lambda side: side.store.questions(QuestionFilter(), 1000))
        self.both(lambda side: side.store.tally())
        for conversation in (DEFAULT_CONVERSATION, self._team.id):
            self.both(lambda side, which=conversation: side.directory.said(which, 0, 1000))  # type: ignore[misc]
            self.both(lambda side, which=conversation: side.directory.mailboxes(which))  # type: ignore[misc]

    def _on_file(self) -> Side:
        store = SqliteStore(Path(self._folder.name) / "store.db", self._limits, self.clock, SEALS)
        return Side(store, SqliteDirectory(store.database), {})

    async def _open(self) -> None:
        for side in (self.memory, self.sqlite):
            await side.store.open()
            await side.directory.new_conversation(self._team, by=BY)

    async def _close(self) -> None:
        tasks = [task for pair in self.waiting for task in pair]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.memory.store.close()
        await self.sqlite.store.close()

    async def _calm_down(self) -> None:
        """Return when everything that was said has had its effect, waking whom it woke."""
        for _ in range(2):  # what a reader gave up is handed to the next
            await self.sqlite.store.tally()
            await self.sqlite.store.add_mailbox(MEMORY_MAILBOX)
        for _ in range(3):
            await asyncio.sleep(0)
        for side in (self.memory, self.sqlite):
            await self._learn_numbers(side)
        async with asyncio.timeout(5):  # the file may have to be looked at several times before one knows
            while any(pair[0].done() != pair[1].done() for pair in self.waiting):
                await self.sqlite.store.tally()
        for pair in tuple(self.waiting):
            if pair[0].done():
                self.waiting.remove(pair)
                self._compare(pair[0].result(), pair[1].result())

    async def _learn_numbers(self, side: Side) -> None:
        last = max(side.numbers.values(), default=0)
        for conversation in (DEFAULT_CONVERSATION, self._team.id):
            for post in await side.directory.said(conversation, last, 1000):
                side.numbers[post.message.id] = post.number

    def _compare(self, in_memory: Any, on_file: Any) -> None:
        assert self._comparable(in_memory, self.memory) == self._comparable(on_file, self.sqlite)
        for kept, kind in ((self.leases, Lease), (self.batches, Batch)):
            if isinstance(in_memory, kind):
                kept.append((in_memory, on_file))
        if isinstance(in_memory, Batch):
            self.leases.extend(zip(in_memory.leases, on_file.leases, strict=True))

    def _comparable(self, result: Any, side: Side) -> Any:
        """Leave out what is random: tokens, and the ids of notices, for which their numbers stand."""
        match result:
            case list() | tuple() | set() | frozenset():
                return [self._comparable(each, side) for each in result]
            case Message() if result.sender == THE_LINE:
                return replace(result, id=MessageId(str(side.numbers[result.id])))
            case Message():
                return result
            case _ if is_dataclass(result) and not isinstance(result, type):
                values = {each.name: self._comparable(getattr(result, each.name), side) for each in fields(result)}
                return {name: value for name, value in values.items() if name not in ("lease_id", "token")}
            case str() if result in side.numbers:
                return str(side.numbers[MessageId(result)])
            case _:
                return result


async def _outcome(verb: Awaitable[Any]) -> Any:
    """Return the result, or the type of the error."""
    try:
        return await verb
    except WarmlineError as error:
        return type(error)
