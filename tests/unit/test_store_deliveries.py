"""What a transaction makes of deliveries is written late, and is there for whoever looks, whatever fails beside it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from manual_clock import ManualClock
from sealing import BY, SEALS, assert_ledger_is_true
from store_cases import LEASE, a_question, an_answer
from warmline.errors import ConflictError, LeaseLostError
from warmline.model import MEMORY_MAILBOX, Lease, MessageId, Question, State
from warmline.security.databases import open_database
from warmline.settings import StoreSettings
from warmline.stores.accepting import accept, next_position, sent
from warmline.stores.ledger import AuditEntry, read
from warmline.stores.sqlite import SqliteStore
from warmline.stores.transaction import Transaction
from warmline.stores.verbs import cancel, release

KEPT = MessageId("01ARZ3NDEKTSV4RRFFQ69G5FAV")


class Bug(Exception):  # noqa: N818  # a bug is no error of ours
    """What no verb foresaw."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def store(path: Path, clock: ManualClock) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(path, StoreSettings(), clock, SEALS)
    await store.open()
    yield store
    await store.close()


async def answered(store: SqliteStore, clock: ManualClock, lease: Lease) -> State:
    await store.settle(lease, an_answer(clock, lease.message))
    return (await store.get(lease.message.id)).delivery.state


async def test_what_is_accepted_leased_and_settled_at_once_is_kept_as_it_was(
    store: SqliteStore, clock: ManualClock, path: Path
) -> None:
    question = a_question(clock)
    accepted_at = clock.now()

    async def serve() -> Lease:
        clock.advance(timedelta(seconds=1))
        lease = await store.lease(MEMORY_MAILBOX, "worker", LEASE)
        clock.advance(timedelta(seconds=1))
        await store.settle(lease, an_answer(clock, question))
        return lease

    async with asyncio.timeout(5):
        serving = asyncio.create_task(serve())
        await asyncio.sleep(0)
        told = await store.add(question, MEMORY_MAILBOX)
        lease = await serving
        kept = await store.get(question.id)
    assert told.question == kept
    delivery = kept.delivery
    assert (delivery.state, delivery.position, delivery.deliveries) == (State.SETTLED, 1, 1)
    assert (delivery.handed_to, delivery.handed_at) == ("worker", accepted_at + timedelta(seconds=1))
    assert delivery.ended_at == accepted_at + timedelta(seconds=2)
    assert (delivery.holder, delivery.lease_lapses_at, delivery.last_error) == (None, None, None)
    assert delivery.deadline_at == question.deadline_at
    with pytest.raises(LeaseLostError):
        await store.extend(lease, LEASE)
    assert_ledger_is_true(path)


async def test_a_verb_beside_it_finds_what_was_accepted_a_moment_ago(store: SqliteStore, clock: ManualClock) -> None:
    kept, cancelled = a_question(clock), a_question(clock)
    async with asyncio.timeout(5):
        *_, ended = await asyncio.gather(
            store.add(kept, MEMORY_MAILBOX),
            store.add(cancelled, MEMORY_MAILBOX),
            store.cancel(cancelled.id, by=BY),
        )
        lease = await store.lease(MEMORY_MAILBOX, "worker", LEASE)
    assert ended.delivery.state is State.CANCELLED
    assert lease.message == kept


async def test_older_ones_are_leased_before_those_of_the_same_transaction(
    store: SqliteStore, clock: ManualClock
) -> None:
    older, younger = [a_question(clock) for _ in range(2)], [a_question(clock) for _ in range(2)]
    for each in older:
        await store.add(each, MEMORY_MAILBOX)
    async with asyncio.timeout(5):
        adding = [asyncio.create_task(store.add(each, MEMORY_MAILBOX)) for each in younger]
        leasing = [asyncio.create_task(store.lease(MEMORY_MAILBOX, "worker", LEASE)) for _ in range(4)]
        leases = await asyncio.gather(*leasing)
        await asyncio.gather(*adding)
        assert [each.message for each in leases] == [*older, *younger]
        assert [await answered(store, clock, each) for each in leases] == [State.SETTLED] * 4


async def test_a_verb_that_is_refused_after_it_has_looked_costs_no_lease_beside_it(
    store: SqliteStore, clock: ManualClock
) -> None:
    settled, question = a_question(clock), a_question(clock)
    await store.add(settled, MEMORY_MAILBOX)
    await answered(store, clock, await store.lease(MEMORY_MAILBOX, "worker", LEASE))

    async def serve() -> asyncio.Future[Question]:
        """Work on a question that is not committed yet, while somebody tries what cannot be done."""
        lease = await store.lease(MEMORY_MAILBOX, "worker", LEASE)
        refused = store.database.submit(lambda tx: cancel(tx, settled.id, BY), synced=True).done
        await store.settle(lease, an_answer(clock, question))
        return refused

    async with asyncio.timeout(5):
        serving = asyncio.create_task(serve())
        await asyncio.sleep(0)
        told = await store.add(question, MEMORY_MAILBOX)
        with pytest.raises(ConflictError):
            await (await serving)
    assert told.question.delivery.state is State.SETTLED


async def test_what_is_given_back_meanwhile_is_leased_in_the_same_transaction(
    store: SqliteStore, clock: ManualClock
) -> None:
    older, younger = a_question(clock), a_question(clock)
    await store.add(older, MEMORY_MAILBOX)
    held = await store.lease(MEMORY_MAILBOX, "worker", LEASE)
    box = store.database.box(MEMORY_MAILBOX)

    async def serve() -> None:
        lease = await store.lease(MEMORY_MAILBOX, "worker", LEASE)
        released = store.database.submit(lambda tx: release(tx, held, box), synced=False).done
        await asyncio.gather(released, store.settle(lease, an_answer(clock, younger)))

    async with asyncio.timeout(5):
        serving = asyncio.create_task(serve())
        waiting = asyncio.create_task(store.lease(MEMORY_MAILBOX, "other", LEASE))
        await asyncio.sleep(0)
        await store.add(younger, MEMORY_MAILBOX)
        await serving
        assert (await waiting).message == older


async def test_a_lease_of_another_id_settles_nothing_of_what_is_not_written_yet(
    store: SqliteStore, clock: ManualClock
) -> None:
    question = a_question(clock)

    async def serve() -> None:
        lease = await store.lease(MEMORY_MAILBOX, "worker", LEASE)
        for forged in (replace(lease, lease_id="0" * 16), replace(lease, deliveries=2)):
            with pytest.raises(LeaseLostError):
                await store.settle(forged, an_answer(clock, question))
        await store.settle(lease, an_answer(clock, question))

    async with asyncio.timeout(5):
        serving = asyncio.create_task(serve())
        await asyncio.sleep(0)
        await store.add(question, MEMORY_MAILBOX)
        await serving
    assert (await store.get(question.id)).delivery.state is State.SETTLED


async def test_a_verb_that_breaks_leaves_no_delivery_and_takes_none_from_those_beside_it(
    store: SqliteStore, clock: ManualClock, path: Path
) -> None:
    number, lost = store.database.box(MEMORY_MAILBOX).number, a_question(clock)

    def breaks(tx: Transaction) -> None:
        accept(tx, sent(lost), [number])
        raise Bug

    beside = [a_question(clock) for _ in range(2)]
    async with asyncio.timeout(5):
        first = asyncio.create_task(store.add(beside[0], MEMORY_MAILBOX))
        await asyncio.sleep(0)
        broken = store.database.submit(breaks, synced=True)
        second = asyncio.create_task(store.add(beside[1], MEMORY_MAILBOX))
        with pytest.raises(Bug):
            await broken.done
        await asyncio.gather(first, second)
        leases = [await store.lease(MEMORY_MAILBOX, "worker", LEASE) for _ in range(2)]
    assert [each.message for each in leases] == beside
    assert (await store.tally())[State.LEASED] == sum((await store.tally()).values()) == 2
    assert_ledger_is_true(path)


def has_a_row(tx: Transaction) -> None:
    tx.run("add_mailbox_conversation", {"conversation": "other", "now_at": tx.now})


def has_a_delivery(tx: Transaction) -> None:
    ((number,),) = tx.all("add_sent_to", {"message_id": KEPT})
    tx.deliveries.add(KEPT, number + 1, 1, None)


def has_a_tally(tx: Transaction) -> None:
    ((number,),) = tx.all("add_sent_to", {"message_id": KEPT})
    next_position(tx, number)


def has_an_audit(tx: Transaction) -> None:
    tx.audit(AuditEntry("erase", BY))


@pytest.mark.parametrize("writes", [has_a_row, has_a_delivery, has_a_tally, has_an_audit])
async def test_a_verb_that_breaks_after_it_wrote_one_thing_leaves_nothing_of_it(
    store: SqliteStore, clock: ManualClock, path: Path, writes: Callable[[Transaction], None]
) -> None:
    await store.add(replace(a_question(clock), id=KEPT), MEMORY_MAILBOX)
    with closing(open_database(path, None)) as connection:
        before = read(connection)

        def breaks(tx: Transaction) -> None:
            writes(tx)
            raise Bug

        with pytest.raises(Bug):
            await store.database.submit(breaks, synced=True).done
        assert read(connection) == before
    assert_ledger_is_true(path)
