"""Whatever is done in whatever order, the store on SQLite is the store in memory, to every last field."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from manual_clock import ManualClock
from store_cases import MAX_LAPSES, OTHER_MAILBOX, a_question, an_answer
from warmline.errors import WarmlineError
from warmline.model import MEMORY_MAILBOX, Lease, Mailbox, Message, State
from warmline.protocols import QuestionFilter, Store
from warmline.settings import StoreSettings
from warmline.stores.memory import MemoryStore
from warmline.stores.sqlite import SqliteStore

pytestmark = pytest.mark.timeout(400)  # to find the shortest story of a failure takes minutes

mailboxes = st.sampled_from([MEMORY_MAILBOX, OTHER_MAILBOX])
durations = st.sampled_from([1, 30, 31, 600, 601]).map(lambda seconds: timedelta(seconds=seconds))
delays = st.sampled_from([timedelta(0), timedelta(microseconds=1), timedelta(seconds=30)])
indexes = st.integers(0, 1000)

Pair = tuple[Any, Any]


class TwoStores(RuleBasedStateMachine):
    """Says everything to both stores and compares what comes back."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = ManualClock()
        self.limits = StoreSettings(max_lapses=MAX_LAPSES, max_batch=3)
        self.memory: Store = MemoryStore(self.limits, self.clock)
        self.sqlite: Store = self._on_file()
        self.messages: list[tuple[Message, Mailbox]] = []
        self.leases: list[tuple[Lease, Lease]] = []
        self.waiting: list[tuple[asyncio.Task[Any], asyncio.Task[Any]]] = []
        self.runner.run(self._open())
        for mailbox in (MEMORY_MAILBOX, OTHER_MAILBOX):
            self.both(partial(_add_mailbox, mailbox))

    def _on_file(self) -> SqliteStore:
        return SqliteStore(Path(self.folder.name) / "store.db", self.limits, self.clock)

    def teardown(self) -> None:
        for task in [task for pair in self.waiting for task in pair]:
            task.cancel()
        self.runner.run(self._close())
        self.runner.close()
        self.folder.cleanup()

    async def _open(self) -> None:
        await self.memory.open()
        await self.sqlite.open()

    async def _close(self) -> None:
        tasks = [task for pair in self.waiting for task in pair]
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.memory.close()
        await self.sqlite.close()

    def both(self, verb: Callable[[Store], Awaitable[Any]]) -> Pair:
        """Say it to both; their results, or the types of their errors, must be equal."""

        async def say() -> Pair:
            async with asyncio.timeout(5):
                pair = await _outcome(verb(self.memory)), await _outcome(verb(self.sqlite))
                await self._calm_down()
                return pair

        in_memory, on_file = self.runner.run(say())
        assert _comparable(in_memory) == _comparable(on_file)
        return in_memory, on_file

    async def _calm_down(self) -> None:
        """Return when everything that was said has had its effect, waking whom it woke."""
        await self.sqlite.tally()
        await self.sqlite.add_mailbox(MEMORY_MAILBOX)
        for _ in range(3):
            await asyncio.sleep(0)
        for pair in tuple(self.waiting):
            assert pair[0].done() == pair[1].done(), pair
            if pair[0].done():
                self.waiting.remove(pair)
                in_memory, on_file = pair[0].result(), pair[1].result()
                assert _comparable(in_memory) == _comparable(on_file)
                if isinstance(in_memory, Lease):
                    self.leases.append((in_memory, on_file))

    def wait(self, verb: Callable[[Store], Awaitable[Any]]) -> None:
        """Begin to wait in both."""

        async def begin() -> None:
            in_memory = asyncio.ensure_future(_outcome(verb(self.memory)))
            on_file = asyncio.ensure_future(_outcome(verb(self.sqlite)))
            self.waiting.append((in_memory, on_file))
            await asyncio.sleep(0)
            await self._calm_down()

        self.runner.run(begin())

    def with_lease(self, index: int, verb: Callable[[Store, Lease], Awaitable[Any]]) -> Pair:
        """Present a lease, each store's own, which may be long over."""
        in_memory, on_file = self.leases[-1 - index % len(self.leases)]
        return self.both(lambda store: verb(store, in_memory if store is self.memory else on_file))

    @rule(
        body=st.sampled_from(["Which port?", "naïve\n“🙂”"]),
        sender=st.sampled_from(["owner", "codex"]),
        key=st.sampled_from([None, None, "k", "l"]),
        deadline=st.none() | durations,
        mailbox=mailboxes,
    )
    def ask(self, body: str, sender: str, key: str | None, deadline: timedelta | None, mailbox: Mailbox) -> None:
        message = a_question(self.clock, body, sender=sender, key=key, deadline=deadline)
        self.both(lambda store: store.add(message, mailbox))
        self.messages.append((message, mailbox))

    @precondition(lambda self: self.messages)
    @rule(index=indexes)
    def ask_again(self, index: int) -> None:
        message, mailbox = self.messages[index % len(self.messages)]
        self.both(lambda store: store.add(message, mailbox))

    @rule(mailbox=mailboxes, holder=st.sampled_from(["one", "two"]), duration=durations)
    def lease(self, mailbox: Mailbox, holder: str, duration: timedelta) -> None:
        self.wait(lambda store: store.lease(mailbox, holder, duration))

    @precondition(lambda self: self.messages)
    @rule(index=indexes)
    def wait_until_ended(self, index: int) -> None:
        message, _ = self.messages[index % len(self.messages)]
        self.wait(lambda store: store.wait_until_ended(message.id))

    @precondition(lambda self: self.waiting)
    @rule(index=indexes)
    def leave(self, index: int) -> None:
        pair = self.waiting.pop(index % len(self.waiting))
        for task in pair:
            task.cancel()

        async def leave() -> None:
            await asyncio.gather(*pair, return_exceptions=True)
            await self._calm_down()

        self.runner.run(leave())

    @precondition(lambda self: self.leases)
    @rule(index=indexes, duration=durations)
    def extend(self, index: int, duration: timedelta) -> None:
        in_memory, on_file = self.with_lease(index, lambda store, lease: store.extend(lease, duration))
        if isinstance(in_memory, Lease):
            self.leases.append((in_memory, on_file))

    @precondition(lambda self: self.leases)
    @rule(index=indexes)
    def settle(self, index: int) -> None:
        answer = an_answer(self.clock, self.leases[-1 - index % len(self.leases)][0].message)
        self.with_lease(index, lambda store, lease: store.settle(lease, answer))

    @precondition(lambda self: self.leases)
    @rule(index=indexes, delay=delays)
    def nack(self, index: int, delay: timedelta) -> None:
        self.with_lease(index, lambda store, lease: store.nack(lease, "failed", delay))

    @precondition(lambda self: self.leases)
    @rule(index=indexes)
    def release(self, index: int) -> None:
        self.with_lease(index, lambda store, lease: store.release(lease))

    @precondition(lambda self: self.leases)
    @rule(index=indexes)
    def bury(self, index: int) -> None:
        self.with_lease(index, lambda store, lease: store.bury(lease, "buried"))

    @precondition(lambda self: self.messages)
    @rule(index=indexes, deadline=st.none() | durations, verb=st.sampled_from(["cancel", "requeue", "discard"]))
    def steer(self, index: int, deadline: timedelta | None, verb: str) -> None:
        message_id = self.messages[index % len(self.messages)][0].id
        deadline_at = None if deadline is None else self.clock.now() + deadline
        verbs: dict[str, Callable[[Store], Awaitable[Any]]] = {
            "cancel": lambda store: store.cancel(message_id),
            "requeue": lambda store: store.requeue(message_id, deadline_at),
            "discard": lambda store: store.discard(message_id),
        }
        self.both(verbs[verb])

    @rule(duration=durations | delays, swept=st.booleans())
    def pass_time(self, duration: timedelta, swept: bool) -> None:  # hypothesis passes it by name
        self.clock.advance(duration)
        if swept:
            self.both(lambda store: store.sweep())

    @precondition(lambda self: not self.waiting)
    @rule()
    def reopen(self) -> None:
        async def reopen() -> None:
            await self.sqlite.close()
            self.sqlite = self._on_file()
            await self.sqlite.open()

        self.runner.run(reopen())

    @rule(
        states=st.frozensets(st.sampled_from(State), max_size=2),
        ago=st.none() | durations,
        mailbox=st.none() | mailboxes,
        limit=st.integers(0, 5),
    )
    def find(self, states: frozenset[State], ago: timedelta | None, mailbox: Mailbox | None, limit: int) -> None:
        which = QuestionFilter(states, None if ago is None else self.clock.now() - ago, mailbox)
        self.both(lambda store: store.questions(which, limit))
        self.both(lambda store: store.count(which))

    @invariant()
    def both_hold_the_same(self) -> None:
        self.both(lambda store: store.questions(QuestionFilter(), 1000))
        self.both(lambda store: store.tally())


async def _add_mailbox(mailbox: Mailbox, store: Store) -> None:
    await store.add_mailbox(mailbox)


async def _outcome(verb: Awaitable[Any]) -> Any:
    """Return the result, or the type of the error."""
    try:
        return await verb
    except WarmlineError as error:
        return type(error)


def _comparable(result: Any) -> Any:
    """Leave out what is random."""
    if isinstance(result, Lease):
        return replace(result, lease_id="")
    return list(result) if isinstance(result, list) else result


TwoStores.TestCase.settings = settings(max_examples=60, stateful_step_count=40)
TestTheStoreOnSqliteIsTheStoreInMemory = TwoStores.TestCase
