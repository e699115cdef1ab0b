"""What a verb costs the disk: exactly two synced commits for a question that is asked and answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from manual_clock import ManualClock
from sealing import BY, SEALS
from store_cases import DEADLINE, LEASE, Line, a_credential, a_note, an_answer
from warmline.errors import BudgetSpentError
from warmline.limits import Limits
from warmline.model import DEFAULT_CONVERSATION, MEMORY_MAILBOX, OWNER_MAILBOX, Lease, State
from warmline.operations.syncs import COUNTING, CountingVfs
from warmline.settings import StoreSettings
from warmline.stores.directory import SqliteDirectory
from warmline.stores.sqlite import SqliteStore

MOMENT = timedelta(seconds=1)


@pytest.fixture
def disk() -> Iterator[CountingVfs]:
    disk = CountingVfs()
    yield disk
    disk.unregister()


@pytest.fixture
async def line(disk: CountingVfs, tmp_path: Path) -> AsyncIterator[Line]:
    clock = ManualClock()
    store = SqliteStore(tmp_path / "store.db", StoreSettings(), clock, SEALS, vfs=COUNTING, log=disk.log)
    directory = SqliteDirectory(store.database)
    await store.open()

    async def reopen() -> Line:
        raise NotImplementedError("these tests count what one opened store does")

    line = Line(store, directory, clock, reopen)
    await line.ask()  # the first commit also syncs the new log's header
    await line.lease()
    disk.syncs = 0
    yield line
    await store.close()


async def test_a_question_asked_and_answered_costs_two_syncs(line: Line, disk: CountingVfs) -> None:
    for questions in range(1, 6):
        leasing = asyncio.create_task(line.lease())
        message = await line.ask()
        lease = await asyncio.wait_for(leasing, 5)
        await line.store.settle(lease, an_answer(line.clock, message))
        assert (await line.store.wait_until_ended(message.id)).answer is not None
        assert disk.syncs == 2 * questions


async def test_twenty_questions_asked_at_once_share_a_sync(line: Line, disk: CountingVfs) -> None:
    await asyncio.gather(*(line.ask() for _ in range(20)))
    assert disk.syncs == 1


async def _settle(line: Line, lease: Lease) -> None:
    await line.store.settle(lease, an_answer(line.clock, lease.message))


async def _nack(line: Line, lease: Lease) -> None:
    await line.store.nack(lease, "failed", MOMENT)


async def _bury(line: Line, lease: Lease) -> None:
    await line.store.bury(lease, "failed")


async def _cancel(line: Line, lease: Lease) -> None:
    await line.store.cancel(lease.message.id, by=BY)


async def _requeue(line: Line, lease: Lease) -> None:
    await line.store.requeue(lease.message.id, None, by=BY)


async def _discard(line: Line, lease: Lease) -> None:
    await line.store.discard(lease.message.id, by=BY)


async def _lease(line: Line, lease: Lease) -> None:
    assert (await line.lease()).message == lease.message


async def _extend(line: Line, lease: Lease) -> None:
    await line.store.extend(lease, LEASE)


async def _release(line: Line, lease: Lease) -> None:
    await line.store.release(lease)


async def _sweep(line: Line, _lease: Lease) -> None:
    await line.pass_time(DEADLINE)


async def _escalate(line: Line, lease: Lease) -> None:
    await line.store.escalate(lease, OWNER_MAILBOX, None)


async def _receive(line: Line, lease: Lease) -> None:
    batch = await line.store.receive(MEMORY_MAILBOX, a_credential(line.clock, "ada"), 10, LEASE, "a key")
    assert [each.message for each in batch.leases] == [lease.message]


COSTS: Mapping[Callable[[Line, Lease], Awaitable[None]], tuple[State, int]] = {
    _settle: (State.LEASED, 1),
    _nack: (State.LEASED, 1),
    _bury: (State.LEASED, 1),
    _escalate: (State.LEASED, 1),
    _cancel: (State.READY, 1),
    _requeue: (State.DEAD, 1),
    _discard: (State.DEAD, 1),
    _lease: (State.READY, 0),
    _receive: (State.READY, 0),
    _extend: (State.LEASED, 0),
    _release: (State.LEASED, 0),
    _sweep: (State.LEASED, 0),
}


@pytest.mark.parametrize(("verb", "state", "syncs"), [(verb, *cost) for verb, cost in COSTS.items()])
async def test_what_must_last_is_synced_and_what_need_not_is_not(
    line: Line, disk: CountingVfs, verb: Callable[[Line, Lease], Awaitable[None]], state: State, syncs: int
) -> None:
    lease = await line.bring_to(state)
    disk.syncs = 0
    await verb(line, lease)
    assert disk.syncs == syncs


async def test_an_acknowledgement_is_synced(line: Line, disk: CountingVfs) -> None:
    ada = a_credential(line.clock, "ada", conversation=DEFAULT_CONVERSATION)
    await line.store.add(a_note(line.clock, ada), MEMORY_MAILBOX)
    batch = await line.store.receive(MEMORY_MAILBOX, ada, 10, LEASE)
    disk.syncs = 0
    await line.store.acknowledge(batch.token, ada.id)
    assert disk.syncs == 1


async def test_a_refusal_with_its_notices_costs_no_sync_more(line: Line, disk: CountingVfs) -> None:
    limits = Limits(per_minute=1, per_hour=1, per_day=1)
    ada = a_credential(line.clock, "ada", conversation=DEFAULT_CONVERSATION, limits=limits)
    await line.store.add(a_note(line.clock, ada), MEMORY_MAILBOX, by=ada)
    disk.syncs = 0
    with pytest.raises(BudgetSpentError):
        await line.store.add(a_note(line.clock, ada), MEMORY_MAILBOX, by=ada)
    assert disk.syncs == 1


async def test_what_only_reads_is_not_synced(line: Line, disk: CountingVfs) -> None:
    lease = await line.bring_to(State.SETTLED)
    disk.syncs = 0
    await line.store.get(lease.message.id)
    await line.store.tally()
    await line.store.wait_until_ended(lease.message.id)
    assert disk.syncs == 0
